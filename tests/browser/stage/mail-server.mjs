// A real SMTP server that asks for a password or a bearer token, with TLS from the first byte or by STARTTLS.
import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';

export class MailServer {
  /** What every sign-in sent: user name, and whether it was let in. */
  signIns = [];
  /** Envelopes that were begun. A check may never begin one. */
  envelopes = [];
  /** What was taken: recipients and text. */
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
          this.mails.push({ to: session.envelope.rcptTo.map((one) => one.address), text: Buffer.concat(parts).toString() });
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

  /** Stops listening: the next connection is refused. */
  async stop() {
    const server = this.#server;
    this.#server = undefined;
    if (server) await new Promise((done) => server.close(done));
  }
}
