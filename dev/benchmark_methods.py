"""The benchmark: train several configs on the same drawn labels, and keep every figure as JSON.

For each seed and each number of labels every method gets the very same labeled images, drawn by
the seed, and its semi-supervised ones get the rest without labels. All runs go through
`mim train mmpose`. Called again, the command skips what the JSON has with the same settings, and
resumes what was interrupted.

    python dev/benchmark_methods.py configs/lspet/supervised.py configs/lspet/pose_mum.py \
        --labels 100 200 --seeds 0 1 2 --work-dir work_dirs/benchmark/lspet_mini \
        --json docs/benchmark/lspet_mini.json

`dev/benchmark_report.py` makes tables and plots of the JSON.
"""
import argparse
import io
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import torch
from benchmark_records import collect, find_record, read_seconds, save_records, suffix_of
from benchmark_report import main_table
from benchmark_runs import (
    REPOSITORY,
    BenchmarkError,
    config_text,
    parse_methods,
    plan,
    planned_config,
)
from mmengine.config import DictAction

from mmpose_mum.checkpoint.last import find_checkpoint
from mmpose_mum.checkpoint.safe_load import load_checkpoint
from mmpose_mum.export.publish import plain_checkpoint
from mmpose_mum.files.whole import write_whole


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='a method: CONFIG, called as '
                        'its file, or NAME=CONFIG; those in a folder `ablations` count as such')
    parser.add_argument('--labels', type=int, nargs='+', required=True,
                        help='numbers of labeled images')
    parser.add_argument('--seeds', type=int, nargs='+', required=True,
                        help='each draws the labels and starts the training')
    parser.add_argument('--work-dir', type=Path, required=True,
                        help='where the trainings go; those that are there resume')
    parser.add_argument('--json', type=Path, required=True,
                        help='file for the records; existing ones stay')
    parser.add_argument('--metric', default='PCK', help='metric to compare, without "student/" and '
                        '"teacher/" (default: PCK)')
    parser.add_argument('--jobs', type=int, default=1, help='trainings at a time (default: 1)')
    parser.add_argument('--hold-out', type=int, default=0, metavar='N', help='to choose settings: '
                        'keep N labeled people out of the training, and validate on them; such '
                        'records need their own --json')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction,
                        help='changes to every config, key=value, before seed and labels')
    args = parser.parse_args(args)
    if args.jobs < 1:
        parser.error(f'--jobs {args.jobs}: expected at least 1')
    return args


def visible_gpus() -> list:
    """Return the names of the GPUs that runs may use, as CUDA_VISIBLE_DEVICES has them."""
    count = torch.cuda.device_count()
    names = [name for name in os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',') if name]
    return names[:count] if names else [str(i) for i in range(count)]


class Trainer:
    """Trains runs in subprocesses, each on a slot of its own.

    Args:
        jobs (int): Runs at a time.
        metric (str): What a run must have at its end.
        options (dict, optional): Changes to every config.
    """

    def __init__(self, jobs: int, metric: str, options=None):
        self.metric = metric
        self.options = [f'{key}={value!r}' for key, value in (options or {}).items()]
        self.threads = max(1, torch.get_num_threads() // jobs)
        self.slots = queue.Queue()
        gpus = visible_gpus()
        for i in range(jobs):
            self.slots.put(gpus[i % len(gpus)] if len(gpus) > 1 else None)
        self.lock, self.stopped, self.processes = threading.Lock(), False, set()

    def __call__(self, run) -> dict:
        """Train a run to its end, and return its record.

        Raises:
            BenchmarkError: If the training broke, was stopped, or has no good end.
        """
        slot = self.slots.get()
        try:
            try:
                collect(run, self.metric)  # trained, but not in the JSON
            except BenchmarkError:
                self._train(run, slot)
            if (run.folder / f'iter_{run.cfg.train_cfg.max_iters}.pth').exists():
                self._judge_people(run, slot)
            return collect(run, self.metric)
        finally:
            self.slots.put(slot)

    def _train(self, run, gpu) -> None:
        resume = prepare(run)
        (run.folder / 'people.json').unlink(missing_ok=True)
        before = read_seconds(run.folder) or 0. if resume else 0.
        started = time.time()
        try:
            self._call(run, gpu, 'the training', 'train.log', [
                '-m', 'mim', 'train', 'mmpose', str(config_of(run)), '--work-dir', str(run.folder),
                *(['--resume'] if resume else []),
                *(['--cfg-options', *self.options] if self.options else [])])
        finally:
            write_whole(f'{before + time.time() - started:.1f}\n', run.folder / 'seconds.txt')

    def _judge_people(self, run, gpu) -> None:
        if not (run.folder / 'people.json').exists():
            self._call(run, gpu, 'the count by people', 'people.log', [
                str(REPOSITORY / 'dev/benchmark_people.py'), str(config_of(run)), str(run.folder)])

    def _call(self, run, gpu, what: str, log_name: str, arguments: list) -> None:
        """Run Python with arguments; raise BenchmarkError if it breaks or was stopped."""
        paths = [str(REPOSITORY), *filter(None, [os.environ.get('PYTHONPATH')])]
        environment = dict(os.environ, OMP_NUM_THREADS=str(self.threads),
                           PYTHONPATH=os.pathsep.join(paths))
        if gpu is not None:
            environment['CUDA_VISIBLE_DEVICES'] = gpu
        log_path = run.folder / log_name
        with open(log_path, 'a') as log:
            with self.lock:
                if self.stopped:
                    raise BenchmarkError(f'{run}: not started any more')
                # A group of its own: mim starts the training as its child.
                process = subprocess.Popen([sys.executable, *arguments], stdout=log,
                                           stderr=subprocess.STDOUT, env=environment,
                                           start_new_session=True)
                self.processes.add(process)
            status = process.wait()
        with self.lock:
            self.processes.discard(process)
        if status:
            raise BenchmarkError(
                f'{end_of_log(log_path)}\n{run}: {what} broke (exit status {status}); its whole '
                f'log is {log_path}')

    def stop(self) -> None:
        """End all trainings, and start no more."""
        with self.lock:
            self.stopped = True
            for process in self.processes:
                try:
                    os.killpg(process.pid, signal.SIGTERM)
                except ProcessLookupError:  # has just ended
                    pass


def end_of_log(path: Path, num_lines: int = 25) -> str:
    """Return the last lines of a broken training's log, without mim's own traceback."""
    parts = path.read_text(errors='replace').split('Traceback (most recent call last):')
    text = 'Traceback (most recent call last):'.join(parts[:-1] if len(parts) > 2 else parts)
    return '\n'.join(text.splitlines()[-num_lines:])


def config_of(run) -> Path:
    """Return the path of a run's config; in its folder MMEngine would write a dump over it."""
    return run.folder.with_suffix('.py')


def write_teacher(run) -> None:
    """Write the first round's teacher as a plain checkpoint, from which a second round learns."""
    path = Path(run.cfg.model.labeler.checkpoint)
    try:
        checkpoint = load_checkpoint(find_checkpoint(path.parent))
    except (OSError, ValueError) as error:
        raise BenchmarkError(f'{run}: it needs the finished training of {run.cfg.first_round!r} '
                             f'with the same labels and seed in {path.parent}; train that first '
                             f'({error})') from error
    buffer = io.BytesIO()
    torch.save(plain_checkpoint(checkpoint), buffer)
    write_whole(buffer.getvalue(), path)


def prepare(run) -> bool:
    """Write a run's config where it works, and return whether there is something to resume."""
    if 'first_round' in run.cfg:
        write_teacher(run)
    run.folder.mkdir(parents=True, exist_ok=True)
    write_whole(planned_config(run), run.folder / 'planned.json')
    write_whole(config_text(run), config_of(run))
    last = run.folder / 'last_checkpoint'
    if not last.exists():
        return False
    # MMEngine's own loop does not make up for a validation that the last iteration lacks.
    return Path(last.read_text().strip()).name != f'iter_{run.cfg.train_cfg.max_iters}.pth'


def figures(record: dict, metric: str) -> str:
    """Return a record's figures in words."""
    values = ((model, record[f'{model}_{suffix_of(metric)}']) for model in ('student', 'teacher'))
    return ', '.join(f'{model} {value:.3f}' for model, value in values if value is not None)


def train_all(runs: list, trainer, jobs: int, on_record) -> list:
    """Train the runs, `jobs` at a time, and return what went wrong with which."""
    errors = []
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(trainer, run): run for run in runs}
        try:
            for future in as_completed(futures):
                try:
                    on_record(future.result())
                except (BenchmarkError, OSError) as error:
                    errors.append(str(error))
                    print(f'FAILED: {futures[future]}', flush=True)
        except KeyboardInterrupt:
            for future in futures:
                future.cancel()
            trainer.stop()
            raise
    return errors


def main(args=None) -> None:
    """Train what is not finished yet; exit with an error if any of it broke."""
    args = parse_args(args)
    try:
        runs = plan(parse_methods(args.configs), args.labels, args.seeds, args.work_dir.resolve(),
                    args.cfg_options, args.hold_out)
        records = save_records(args.json, [])
        waiting = [run for run in runs if not find_record(run, records, args.metric)]
    except (BenchmarkError, ValueError, OSError) as error:
        raise SystemExit(f'benchmark: {error}') from error
    done = len(runs) - len(waiting)
    print(f'{len(runs)} runs, {done} of them finished before', flush=True)

    def on_record(record):
        nonlocal done, records
        done += 1
        records = save_records(args.json, [record])
        print(f'{done} of {len(runs)}: {record["method"]}, {record["num_labels"]} labels, seed '
              f'{record["seed"]}: {figures(record, args.metric)}; {record["seconds"]} s',
              flush=True)

    try:
        trainer = Trainer(args.jobs, args.metric, args.cfg_options)
        errors = train_all(waiting, trainer, args.jobs, on_record)
    except KeyboardInterrupt:
        raise SystemExit(f'benchmark: stopped; {done} of {len(runs)} runs are finished, the same '
                         'command continues from here') from None
    print('\n' + main_table(records))
    if errors:
        raise SystemExit('\n\n'.join(errors) + f'\n\nbenchmark: {len(errors)} of {len(runs)} runs '
                         'broke, see above; the same command tries them again')


def interrupt(*_) -> None:
    """Treat the signal to terminate as Ctrl-C, so that no training is left behind."""
    raise KeyboardInterrupt


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, interrupt)
    main()
