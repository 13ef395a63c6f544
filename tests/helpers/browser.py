"""A headless Chromium that opens a page and tells what went wrong, over its debugging pipe."""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

CHROMIUM: Optional[str] = next(filter(None, map(
    shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'chrome'))), None)
_SECONDS = 60  # for an answer, on a busy machine


class Browser:
    """One tab, as a context manager.

    Args:
        profile (Path): A folder of its own.
        width (int): Of the window, in CSS pixels.

    Attributes:
        complaints: What the console logged as an error or a warning, and exceptions.
        requests: Addresses that were asked for, data URIs left out.
    """

    def __init__(self, profile: Path, width: int = 1280) -> None:
        self.complaints: List[str] = []
        self.requests: List[str] = []
        self._profile, self._width = profile, width
        self._number, self._rest = 0, b''

    def __enter__(self) -> 'Browser':
        (from_us, self._out), (self._in, to_us) = os.pipe(), os.pipe()
        # Chromium reads commands from 3 and answers on 4; neither may be one of the others.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (from_us, to_us)]
        self._process = subprocess.Popen(
            [str(CHROMIUM), '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run',
             '--disable-background-networking', '--disable-component-update',
             '--disable-dev-shm-usage', f'--user-data-dir={self._profile}',
             '--remote-debugging-pipe', 'about:blank'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=(3, 4), preexec_fn=lambda: [os.dup2(end, i) for i, end in enumerate(ends, 3)])
        for fd in (from_us, to_us, *ends):
            os.close(fd)
        target = next(target for target in self.ask('Target.getTargets')['targetInfos']
                      if target['type'] == 'page')
        self._session = self.ask('Target.attachToTarget', targetId=target['targetId'],
                                 flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.ask(f'{domain}.enable')
        self.ask('Emulation.setDeviceMetricsOverride', width=self._width, height=800,
                 deviceScaleFactor=1, mobile=self._width < 600)
        return self

    def __exit__(self, *_error: Any) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def open(self, path: Path) -> None:
        """Open a file and wait until all of it is there."""
        self.ask('Page.navigate', url=path.resolve().as_uri())
        end = time.monotonic() + _SECONDS
        while self.evaluate('document.readyState + location.protocol') != 'completefile:':
            assert time.monotonic() < end, 'the page does not come to an end'
            time.sleep(.1)

    def evaluate(self, script: str) -> Any:
        """Run JavaScript in the page, whatever the page itself allows, and return its value."""
        answer = self.ask('Runtime.evaluate', expression=script, returnByValue=True)
        assert 'exceptionDetails' not in answer, answer
        return answer['result'].get('value')

    def screenshot(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        height = self.evaluate('document.documentElement.scrollHeight')
        shot = self.ask('Page.captureScreenshot', captureBeyondViewport=True, clip=dict(
            x=0, y=0, width=self._width, height=height, scale=1))
        path.write_bytes(base64.b64decode(shot['data']))

    def ask(self, method: str, **parameters: Any) -> Dict[str, Any]:
        """Send a command of the DevTools protocol and return its result."""
        self._number += 1
        message = dict(id=self._number, method=method, params=parameters)
        if hasattr(self, '_session'):
            message['sessionId'] = self._session
        os.write(self._out, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._read()
            if answer.get('id') == self._number:
                assert 'error' not in answer, answer
                return answer['result']
            self._note(answer)

    def _read(self) -> Dict[str, Any]:
        while b'\0' not in self._rest:
            assert select.select([self._in], [], [], _SECONDS)[0], 'Chromium does not answer'
            some = os.read(self._in, 1 << 16)
            assert some, 'Chromium has ended'
            self._rest += some
        text, self._rest = self._rest.split(b'\0', 1)
        return json.loads(text)

    def _note(self, event: Dict[str, Any]) -> None:
        method, what = event.get('method'), event.get('params', {})
        if method == 'Network.requestWillBeSent' and not what['request']['url'].startswith('data:'):
            self.requests.append(what['request']['url'])
        elif method == 'Runtime.exceptionThrown':
            self.complaints.append(json.dumps(what))
        elif method == 'Runtime.consoleAPICalled' and what['type'] in ('error', 'warning'):
            self.complaints.append(json.dumps(what))
        elif method == 'Log.entryAdded' and what['entry']['level'] in ('error', 'warning'):
            self.complaints.append(what['entry']['text'])
