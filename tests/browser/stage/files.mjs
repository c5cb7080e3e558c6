// Where things lie on disk.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Pictures and logs, kept after the run. */
export const OUT = resolve(import.meta.dirname, '../out');

/** The program under test. */
export const PROGRAM = resolve(process.env.CREDENZA_BIN ?? join(import.meta.dirname, '../../../target/debug/credenza'));

/** A folder that `remove` takes away again. */
export function scratch(name) {
  const path = mkdtempSync(join(tmpdir(), `credenza-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A file name out of any text. */
export function slug(text) {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 80);
}
