// A real SMTP server that asks for a password or a bearer token, with TLS from the first byte or by STARTTLS.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';

/** What a mail of one part says. */
function readable(message) {
  const end = message.indexOf('\r\n\r\n');
  const [head, body] = [message.slice(0, end), message.slice(end + 4)];
  const coding = head.match(/^content-transfer-encoding:\s*(\S+)/im)?.[1].toLowerCase();
  if (coding === 'base64') return Buffer.from(body, 'base64').toString('utf8');
  if (coding !== 'quoted-printable') return Buffer.from(body, 'latin1').toString('utf8');
  const plain = body.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(plain, 'latin1').toString('utf8');
}

export class MailServer {
  /** What every sign-in sent: user name, and whether it was let in. */
  signIns = [];
  /** Envelopes that were begun. A check may never begin one. */
  envelopes = [];
  /** Mails that were taken: `to`, their recipients, and their `text`. */
  mails = [];
  /** Whether a bearer token is this person's; without it none is. */
  isToken = async () => false;
  connections = 0;
  port = 0;
  #server;

  constructor({ authority, mode, user, password }) {
    Object.assign(this, { authority, mode, user, password });
  }

  /** Listens on a free port of 127.0.0.1 the first time, and on the same port after a stop. */
  async start() {
    const { key, cert } = this.authority;
    this.#server = new SMTPServer({
      key,
      cert,
      secure: this.mode === 'implicit',
      name: 'mail.test',
      authMethods: ['PLAIN', 'LOGIN', 'XOAUTH2'],
      allowInsecureAuth: false,
      disableReverseLookup: true,
      logger: false,
      onConnect: (_session, done) => {
        this.connections += 1;
        done();
      },
      onAuth: (auth, _session, done) => {
        const judge = auth.method === 'XOAUTH2'
          ? this.isToken(auth.username, auth.accessToken)
          : Promise.resolve(auth.username === this.user && auth.password === this.password);
        judge.catch(() => false).then((good) => {
          this.signIns.push({ user: auth.username, method: auth.method, good });
          if (good) done(null, { user: auth.username });
          else if (auth.method === 'XOAUTH2') done(null, { data: { status: '401', schemes: 'bearer' } });
          else done(Object.assign(new Error('5.7.8 Authentication credentials invalid'), { responseCode: 535 }));
        });
      },
      onMailFrom: (address, _session, done) => {
        this.envelopes.push(address.address);
        done();
      },
      onData: (stream, session, done) => {
        const parts = [];
        stream.on('data', (part) => parts.push(part));
        stream.on('end', () => {
          const to = session.envelope.rcptTo.map((one) => one.address);
          this.mails.push({ to, text: readable(Buffer.concat(parts).toString('latin1')) });
          done();
        });
      },
    });
    // A client that hangs up in the middle is the client's affair.
    this.#server.on('error', () => {});
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server.server, 'listening');
    this.port = this.#server.server.address().port;
    return this;
  }

  /** Takes the last mail to an address that has `words` in it, waiting until there is one, and returns its text. */
  async mailTo(address, words) {
    for (let n = 0; n < 400; n += 1) {
      const at = this.mails.findLastIndex((mail) => mail.to.includes(address) && mail.text.includes(words));
      if (at >= 0) return this.mails.splice(at, 1)[0].text;
      await pause(50);
    }
    throw new Error(`no mail to ${address} with ${words}; there were ${JSON.stringify(this.mails)}`);
  }

  /** Takes the last mail to an address with a link that begins with `path`, and returns the path of that link. */
  async linkTo(address, path) {
    return (await this.mailTo(address, path)).match(new RegExp(`${path}[\\w-]+`))[0];
  }

  /** Stops listening: the next connection is refused. */
  async stop() {
    const server = this.#server;
    this.#server = undefined;
    if (server) await new Promise((done) => server.close(done));
  }
}
