// The program's own demo, as a process on a free port.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { freePort } from './console.mjs';
import { PROGRAM } from './files.mjs';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 15_000;

export class Demo {
  /** All that it has printed so far. */
  output = '';
  #child;

  /** Starts it and waits until it has said how to sign in. */
  async start() {
    if (!existsSync(PROGRAM)) throw new Error(`there is no program at ${PROGRAM}: cargo build, or set CREDENZA_BIN`);
    const port = await freePort();
    this.#child = spawn(PROGRAM, ['demo'], {
      env: { PATH: process.env.PATH, TMPDIR: tmpdir(), TZ: 'UTC', CREDENZA_LISTEN: `127.0.0.1:${port}`, CREDENZA_LOG: 'warn' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { this.output += text; });
    }
    const limit = Date.now() + START_LIMIT_MS;
    while (!this.#printed(/does not answer in time/)) {
      if (this.#child.exitCode !== null) throw new Error(`it ended with ${this.#child.exitCode}:\n${this.output}`);
      if (Date.now() > limit) throw new Error(`it was not ready within ${START_LIMIT_MS} ms:\n${this.output}`);
      await new Promise((done) => { setTimeout(done, 50); });
    }
    this.url = `http://127.0.0.1:${port}`;
    [, this.password] = this.#printed(/password {2}(\S+)/);
    [, this.folder] = this.#printed(/data are in (\S+)/);
    return this;
  }

  #printed(pattern) {
    return this.output.match(pattern);
  }

  /** Asks it to stop and returns its exit code. */
  async stop() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    const [code] = await ended;
    clearTimeout(late);
    return code;
  }
}
