// The program under test: a process of its own, with its own data folder, on a free port of 127.0.0.1.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PROGRAM } from './files.mjs';

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 15_000;

/** A port nobody listens on at this moment. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export class Console {
  /** All that it has printed so far. */
  output = '';
  #child;

  constructor({ folder, egressAllow = [], authority, catalog, mailUrl, settings = {} }) {
    this.folder = folder;
    this.settings = {
      CREDENZA_DATA_DIR: join(folder, 'data'),
      ...(egressAllow.length > 0 && { CREDENZA_EGRESS_ALLOW: egressAllow.join(',') }),
      ...(authority && { CREDENZA_EGRESS_CA_FILE: authority.file }),
      ...(catalog && { CREDENZA_CATALOG_DIR: catalog }),
      ...(mailUrl && { CREDENZA_MAIL_URL: mailUrl, CREDENZA_MAIL_FROM: 'Credenza <console@example.test>' }),
      ...settings,
    };
  }

  /** Starts it and waits until it says that it is ready. */
  async start() {
    if (!existsSync(PROGRAM)) throw new Error(`there is no program at ${PROGRAM}: cargo build, or set CREDENZA_BIN`);
    this.port ??= await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    this.#child = spawn(PROGRAM, [], {
      cwd: this.folder,
      env: {
        PATH: process.env.PATH, HOME: this.folder, TZ: 'UTC',
        CREDENZA_LISTEN: `127.0.0.1:${this.port}`,
        ...this.settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { this.output += text; });
    }
    const limit = Date.now() + START_LIMIT_MS;
    while (!(await this.#ready())) {
      if (this.#child.exitCode !== null) throw new Error(`it ended with ${this.#child.exitCode}:\n${this.output}`);
      if (Date.now() > limit) throw new Error(`it was not ready within ${START_LIMIT_MS} ms:\n${this.output}`);
      await pause(50);
    }
    return this;
  }

  /** Runs a command of the program beside the serving one; what it printed. */
  shell(...args) {
    const env = { PATH: process.env.PATH, HOME: this.folder, TZ: 'UTC', CREDENZA_LISTEN: `127.0.0.1:${this.port}`, ...this.settings };
    const done = spawnSync(PROGRAM, args, { cwd: this.folder, env, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`${args.join(' ')} ended with ${done.status}:\n${done.stdout}${done.stderr}`);
    return done.stdout.trim();
  }

  async #ready() {
    try {
      return (await fetch(`${this.url}/health/ready`)).ok;
    } catch {
      return false;
    }
  }

  /** Moves the times in a column of its SQLite file back, as if so many minutes had passed. */
  age(table, column, minutes) {
    const script = 'import sqlite3, sys; file, table, column, minutes = sys.argv[1:]\n'
      + 'db = sqlite3.connect(file, timeout=10)\n'
      + 'db.execute(f"UPDATE {table} SET {column} = datetime({column}, ?)", (f"-{minutes} minutes",)); db.commit()';
    execFileSync('python3', ['-c', script, join(this.settings.CREDENZA_DATA_DIR, 'credenza.db'), table, column, String(minutes)]);
  }

  /** The address of the first run's page, with its token, as it was printed. */
  setupPath() {
    const found = this.output.match(/\/setup\?token=[^\s"'<>]+/);
    if (!found) throw new Error(`no setup address was printed:\n${this.output}`);
    return found[0];
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
