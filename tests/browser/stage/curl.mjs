// A bot at its simplest: curl, with a token that is in no command line.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Asks for an address with a bot's token; gives the status and the body, read as JSON. */
export async function curl(url, token) {
  const child = spawn('curl', ['--silent', '--max-time', '20', '--write-out', '\n%{http_code}', '--config', '-', url]);
  const output = [];
  child.stdout.setEncoding('utf8').on('data', (text) => output.push(text));
  child.stdin.end(`header = "Authorization: Bearer ${token}"\n`);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`curl ended with ${code}`);
  const [, body, status] = output.join('').match(/^([\s\S]*)\n(\d+)$/);
  return { status: Number(status), body: JSON.parse(body) };
}
