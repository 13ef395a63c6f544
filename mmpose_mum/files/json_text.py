"""A json file's text, and words for what is wrong with it where a parser has a symbol only."""
import codecs
import json
import re
from typing import Any, NoReturn

# What files that are no json begin with, and what to say of them; UTF-32's mark holds UTF-16's.
_BEGINNINGS = (
    (b'\x1f\x8b', 'compressed with gzip: unpack it (gzip -d)'),
    (b'PK\x03\x04', 'a zip archive: unpack it'),
    (b'BZh', 'compressed with bzip2: unpack it'),
    (b'\xfd7zXZ\x00', 'compressed with xz: unpack it'),
    (b'7z\xbc\xaf\x27\x1c', 'a 7z archive: unpack it'),
    (b'\x28\xb5\x2f\xfd', 'compressed with zstd: unpack it'),
    (b'\xff\xd8\xff', 'a JPEG image, not a json'),
    (b'\x89PNG', 'a PNG image, not a json'),
    (b'version https://git-lfs', 'a pointer of Git LFS, not the file: fetch it (git lfs pull)'),
    (b'\x80\x02', 'a pickle of Python, not a json'),
    (b'\x80\x04', 'a pickle of Python, not a json'),
    (codecs.BOM_UTF32_LE, 'UTF-32 text: save it as UTF-8'),
    (codecs.BOM_UTF32_BE, 'UTF-32 text: save it as UTF-8'),
    (codecs.BOM_UTF16_LE, 'UTF-16 text: save it as UTF-8'),
    (codecs.BOM_UTF16_BE, 'UTF-16 text: save it as UTF-8'),
)


def decode_json_text(content: bytes, path) -> str:
    """Decode a json's bytes.

    Args:
        content (bytes): What the file holds.
        path (str): Its name, for the errors.

    Raises:
        ValueError: As :func:`decode_text`; and if it is empty, an HTML or XML page, or JSON Lines.
    """
    text = decode_text(content, path)
    if not text.strip():
        raise ValueError(f'{path} is empty: its {len(content)} bytes are only blanks or a byte '
                         'order mark. Make or copy it again')
    if re.match(r'\s*<', text):
        raise ValueError(f'{path} is an HTML or XML page, not a json: it begins with '
                         f'{text.strip()[:40]!r}. Was a link saved instead of the file?')
    if _is_json_lines(text):
        raise ValueError(f'{path} is JSON Lines (NDJSON), with one json per line: expected one '
                         'json, such as a list of them (jq -s . FILE)')
    return text


def decode_text(content: bytes, path) -> str:
    """Decode a text's bytes; a byte order mark of UTF-8, as Windows writes it, is left out.

    Args:
        content (bytes): What the file holds.
        path (str): Its name, for the errors.

    Raises:
        ValueError: If it is compressed, of another kind or not UTF-8. The error names the file,
            what it is, and what to do.
    """
    for beginning, what in _BEGINNINGS:
        if content.startswith(beginning):
            raise ValueError(f'{path} is {what}')
    if content and not content.strip(b'\x00'):
        raise ValueError(f'{path} has only zero bytes, {len(content)} of them, as after a crash or '
                         'an interrupted copy: make or copy it again')
    if b'\x00' in content[:4]:
        raise ValueError(f'{path} is UTF-16 or no text at all: save it as UTF-8')
    try:
        return content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        at = error.start + (len(content) - len(error.object))  # it does not count the mark
        before = content[max(0, at - 30):at].decode('utf-8-sig', 'ignore')
        raise ValueError(
            f'{path} is not UTF-8: line {content.count(10, 0, at) + 1} has the byte '
            f'0x{content[at]:02x} after {before!r}. If it was saved as Latin-1 or Windows-1252, '
            'save it as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8)') from None


def _is_json_lines(text: str) -> bool:
    """Tell whether there is no comma between two lines' brackets, which no single json has."""
    first = re.search(r'\S', text)
    end = text.find('\n', first.start()) if first else -1
    following = re.compile(r'\s*([{\[])?').match(text, max(end, 0))
    return end > 0 and text[max(0, end - 80):end].rstrip()[-1:] in ('}', ']') \
        and following is not None and following.group(1) is not None


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, as ``parse_constant`` of :class:`json.JSONDecoder`.

    Python reads them, JSON has none of them; as a coordinate each compares as if it were there.
    """
    raise ValueError(f'it holds {name}, which JSON does not allow: if a value is missing, leave '
                     'the person out or write 0, with visibility 0 for a keypoint')


def parse_json(text: str, path) -> Any:
    """Parse a json's text; NaN and the infinities are read, as by Python.

    Args:
        text (str): The json's text.
        path (str): Its name, for the errors.

    Raises:
        ValueError: If it is not JSON, with the line, the text around the place and, where it can
            be told, what was meant; or if it is nested too deeply.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f'{path} is not a json that can be read: '
                         f'{explain_json_error(error, text)}') from error
    except RecursionError as error:
        raise ValueError(f'{path} is not a json that can be read: it is nested too deeply'
                         ) from error


def explain_json_error(error: ValueError, text: str) -> str:
    """Tell in words what a parser found.

    Args:
        error (ValueError): What the parser raised; with another than a
            :class:`json.JSONDecodeError` its own words.
        text (str): What was parsed.

    Returns:
        str: Words without the file's name.
    """
    if not isinstance(error, json.JSONDecodeError):
        constant = re.search(r'[:,\[\s](NaN|-?Infinity)\b', text)
        if constant is None or constant.group(1) not in str(error):
            return str(error)
        return (f'{error} (line {text.count(chr(10), 0, constant.start()) + 1}, '
                f'{_around(text, constant.start(1))!r})')
    if error.pos >= len(text.rstrip()) or error.msg.startswith('Unterminated string'):
        return (f'it ends in the middle, at {_around(text, len(text.rstrip()))!r}: it was not '
                'written or copied to its end')
    hint = ''
    if text[error.pos] == "'":
        hint = '. JSON has double quotes: it was printed by Python, not written by json.dump'
    elif (re.match(r',\s*[}\]]', text[error.pos:])  # where Python 3.13 and later point to
          or text[error.pos] in '}]' and text[:error.pos].rstrip().endswith(',')):
        hint = '. There is a comma before a closing bracket'
    elif error.msg in ('Extra data', 'extra data'):
        hint = '. Is it several jsons pasted together? One is needed'
    return (f'{error.msg} in line {error.lineno}, column {error.colno}, at '
            f'{_around(text, error.pos)!r}{hint}')


def _around(text: str, position: int, reach: int = 20) -> str:
    return text[max(0, position - reach):position + reach]
