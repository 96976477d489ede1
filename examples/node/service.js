'use strict';
// How a channel calls gongji from Node: TLS, token, deadline, retry under the same request id, and what a refusal says.
// @grpc/grpc-js and the protos as they are; nothing generated, nothing of gongji's.

const fs = require('node:fs');
const path = require('node:path');
const {randomUUID} = require('node:crypto');
const {setTimeout: sleep} = require('node:timers/promises');

const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');
const {whole} = require('./money.js');

const CALLER = 'reference-node';                   // who calls: the installation, never a person
const ATTEMPTS = 4;
const FIRST_WAIT_S = 0.15;
const LONGEST_WAIT_S = 3;

const {UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED} = grpc.status;
const UNKNOWN = [UNAVAILABLE, DEADLINE_EXCEEDED];  // executed or not: the same request with the same id finds out
const AGAIN = [...UNKNOWN, RESOURCE_EXHAUSTED];    // worth another attempt; everything else is an answer

/** The targets on this very machine: a token is sent in clear to no other. */
const LOCAL = /^(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?$/;

const PROTOS = process.env.GONGJI_PROTOS ?? path.join(__dirname, '..', '..', 'protos');
const OTHERS = path.join(__dirname, '..', 'protos');
// longs: amounts are int64, which a number does not hold.
const {gongji: {v1}, grpc: {health: {v1: health}}} = grpc.loadPackageDefinition(loader.loadSync(
  ['gongji/v1/settlement.proto', 'gongji/v1/binding.proto', 'gongji/v1/event.proto', 'grpc/health/v1/health.proto'],
  {includeDirs: [PROTOS, OTHERS], keepCase: true, longs: String, enums: String, defaults: true}));

// What proto-loader does for requests and replies, for messages that travel in metadata.
const root = new protobuf.Root();
root.resolvePath = (_, name) => [PROTOS, OTHERS].map((folder) => path.join(folder, name)).find(fs.existsSync) ?? name;
root.loadSync(['gongji/v1/access.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'], {keepCase: true});
const Subject = root.lookupType('gongji.v1.Subject');

/** The content of the file that a variable names; null where it names none. */
function content(variable) {
  return process.env[variable] ? fs.readFileSync(process.env[variable]) : null;
}

/** TLS where its roots are named, with our certificate where that is too; else plain, to this very machine only. */
function credentials(target) {
  const ca = content('GONGJI_CA');
  if (!ca && process.env.GONGJI_TOKEN_FILE && !LOCAL.test(target)) {
    throw new Error(`GONGJI_TOKEN_FILE：令牌不加密时只发往本机，${target} 不是；请设 GONGJI_CA`);
  }
  return ca ? grpc.credentials.createSsl(ca, content('GONGJI_KEY'), content('GONGJI_CERT'))
    : grpc.credentials.createInsecure();
}

/** A person who was identified, packed. JSON writes instants as text, protobuf as seconds. */
function packed({identified_at: at, ...subject}) {
  const seconds = Math.floor(Date.parse(at) / 1000);
  return Buffer.from(Subject.encode(Subject.fromObject({...subject, identified_at: {seconds}})).finish());
}

/** What an error says: ErrorInfo, the sentence, and when to come again. */
function refusalOf(error) {
  if (!(error.metadata instanceof grpc.Metadata)) throw error;
  const told = {ErrorInfo: {}, LocalizedMessage: {}, RetryInfo: {}};
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  for (const {type_url: url, value} of bytes ? root.lookupType('google.rpc.Status').decode(bytes).details : []) {
    const kind = url.split('/').pop();
    if (kind.split('.').pop() in told) told[kind.split('.').pop()] = root.lookupType(kind).decode(value);
  }
  const {seconds = 0, nanos = 0} = told.RetryInfo.retry_delay ?? {};
  return {
    code: error.code,
    reason: told.ErrorInfo.reason ?? '',
    message: told.LocalizedMessage.message || error.details,
    metadata: told.ErrorInfo.metadata ?? {},
    pauseS: Math.max(Number(error.metadata.get('grpc-retry-pushback-ms')[0] ?? 0) / 1000, Number(seconds) + nanos / 1e9),
  };
}

/** One target, and for whom the next calls are made. */
class Service {
  deadlineS = 10;
  subject = null;

  constructor(target) {
    // After a broken connection the next attempt need not wait for the usual second.
    const options = {'grpc.initial_reconnect_backoff_ms': 100};
    this.settlements = new v1.SettlementService(target, credentials(target), options);
    this.bindings = new v1.BindingService(target, credentials(target), options);
    this.events = new v1.EventService(target, credentials(target), options);
    this.health = new health.Health(target, credentials(target), options);
  }

  /** For whom the next calls are made: a person who has just been identified, or what a Subject in JSON says. */
  actFor(subject) {
    this.subject = subject && packed(subject.purpose ? subject : {
      person: subject, identification: 'IDENTIFICATION_FACE', identified_at: new Date().toISOString(),
      evidence: 'start-session-1', purpose: 'ACCESS_PURPOSE_OWN_REQUEST'});
  }

  /** The reply. The same request goes out again where that is worth it, later each time and never sooner than asked. */
  async call(stub, method, request) {
    whole(request);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.once(stub, method, request);
      } catch (error) {
        const {code, pauseS} = refusalOf(error);
        if (!AGAIN.includes(code) || attempt >= ATTEMPTS) throw error;
        await sleep(1000 * Math.max(Math.min(FIRST_WAIT_S * 2 ** (attempt - 1), LONGEST_WAIT_S), pauseS));
      }
    }
  }

  /** One call. */
  once(stub, method, request) {
    return new Promise((resolve, reject) => {
      stub[method](request, this.metadata(), this.options(), (error, reply) => (error ? reject(error) : resolve(reply)));
    });
  }

  options() {
    return {deadline: Date.now() + 1000 * this.deadlineS};
  }

  /** Who calls and for whom; else people belong in requests, never in metadata. */
  metadata() {
    const metadata = new grpc.Metadata();
    metadata.set('x-gongji-caller', CALLER);
    // Read anew each time: a token is replaced before it runs out.
    const token = content('GONGJI_TOKEN_FILE');
    if (token) metadata.set('authorization', `Bearer ${token.toString('ascii').trim()}`);
    if (this.subject) metadata.set('x-gongji-subject-bin', this.subject);
    return metadata;
  }

  close() {
    for (const stub of [this.settlements, this.bindings, this.events, this.health]) stub.close();
  }
}

/** The request with an id of its own: made once for each business request, from chance alone. */
function numbered(request) {
  return {...request, request_id: randomUUID()};
}

module.exports = {Service, UNKNOWN, numbered, refusalOf};
