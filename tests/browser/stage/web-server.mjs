// A web service on loopback that answers as it is told to.
import { once } from 'node:events';
import { createServer } from 'node:http';

const MEBIBYTE = 1024 * 1024;

const json = (response, status, body, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
};

/** The ways it can answer, by name. */
const ANSWERS = {
  good: (response) => json(response, 200, { ok: true, account: 'Loopback account' }),
  // An account that is called like an attack.
  hostile: (response) => json(response, 200, { ok: true, account: '<img src=x onerror=stung(60)>"{{7*7}}' }),
  refused: (response) => json(response, 401, { error: 'MARKER-BODY-401' }),
  forbidden: (response) => json(response, 403, { error: 'MARKER-BODY-403' }),
  limited: (response) => json(response, 429, { error: 'MARKER-BODY-429' }, { 'retry-after': '120' }),
  down: (response) => json(response, 500, { error: 'MARKER-BODY-500' }),
  // 200, and in the body it says no.
  lying: (response) => json(response, 200, { ok: false, error: 'MARKER-BODY-LIE' }),
  // 200, and not JSON at all.
  page: (response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<!doctype html><title>MARKER-BODY-HTML</title><script>alert(1)</script>');
  },
  // Never ends its answer.
  slow: (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"ok":');
  },
  // An honest beginning, then 64 MiB.
  huge: (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"ok":true,"account":"Loopback account","pad":"');
    const chunk = Buffer.alloc(MEBIBYTE, 0x61);
    let left = 64;
    const more = () => {
      while (left > 0 && !response.destroyed) {
        left -= 1;
        if (!response.write(chunk)) return void response.once('drain', more);
      }
      if (!response.destroyed) response.end('"}');
    };
    more();
  },
  redirect: (response, server) => {
    response.writeHead(302, { location: `http://127.0.0.1:${server.port}/elsewhere` });
    response.end();
  },
};

export class WebServer {
  /** One of the names in ANSWERS. */
  answer = 'good';
  /** What was asked: method, path, headers. */
  requests = [];
  port = 0;
  #server;

  async start() {
    this.#server = createServer((request, response) => {
      this.requests.push({ method: request.method, path: request.url, headers: request.headers });
      response.on('error', () => {});
      ANSWERS[this.answer](response, this);
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = this.#server.address().port;
    return this;
  }

  async stop() {
    this.#server?.closeAllConnections();
    if (this.#server) await new Promise((done) => this.#server.close(done));
  }
}
