'use strict';
// A channel's client of gongji: @grpc/grpc-js and the protos as they are; nothing generated, nothing of gongji's.
//
// What to copy from it: one deadline a call, one request id a business request kept through all retries, what is
// retried and what is not, refusals shown as they were said, pages read to the end, amounts as text (int64).
//
// It speaks the suite's protocol: tasks in GONGJI_TASK, the server in GONGJI_TARGET, one line of JSON a result.
// Who it is: GONGJI_CA, GONGJI_CERT and GONGJI_KEY name files of certificates, GONGJI_TOKEN_FILE one with a token;
// a task's `subject` says for whom it acts.

const fs = require('node:fs');
const path = require('node:path');
const {randomUUID} = require('node:crypto');
const {setTimeout: sleep} = require('node:timers/promises');

const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const CALLER = 'reference-node';                   // who calls: the installation, never a person
const DEADLINE_S = 10;
const ATTEMPTS = 4;
const FIRST_WAIT_S = 0.15;
const LONGEST_WAIT_S = 3;
const READINGS = 3;                                // how often a list is begun before its reader is told

const {UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED} = grpc.status;
const UNKNOWN = [UNAVAILABLE, DEADLINE_EXCEEDED];  // executed or not: the same request with the same id finds out
const AGAIN = [...UNKNOWN, RESOURCE_EXHAUSTED];    // worth another attempt; everything else is an answer

const PROTOS = process.env.GONGJI_PROTOS ?? path.join(__dirname, '..', '..', 'protos');
const {v1} = grpc.loadPackageDefinition(loader.loadSync(
  ['gongji/v1/settlement.proto', 'gongji/v1/binding.proto'],
  {includeDirs: [PROTOS], keepCase: true, longs: String, enums: String, defaults: true})).gongji;
const errors = protobuf.loadSync(path.join(__dirname, 'errors.proto'));

// What proto-loader does for requests, for a message that travels in metadata.
const root = new protobuf.Root();
root.resolvePath = (_, name) => (name.startsWith('google/') ? name : path.join(PROTOS, name));
const Subject = root.loadSync('gongji/v1/access.proto', {keepCase: true}).lookupType('gongji.v1.Subject');

/** The content of the file that a variable names; null where it names none. */
function content(variable) {
  return process.env[variable] ? fs.readFileSync(process.env[variable]) : null;
}

/** TLS where its roots are named, with our certificate where that is too; else plain, to this very machine only. */
function credentials() {
  const ca = content('GONGJI_CA');
  return ca ? grpc.credentials.createSsl(ca, content('GONGJI_KEY'), content('GONGJI_CERT'))
    : grpc.credentials.createInsecure();
}

/** A person who was identified, packed. JSON writes instants as text, protobuf as seconds. */
function packed({identified_at: at, ...subject}) {
  const seconds = Math.floor(Date.parse(at) / 1000);
  return Buffer.from(Subject.encode(Subject.fromObject({...subject, identified_at: {seconds}})).finish());
}

/** What an error says: ErrorInfo.reason, the sentence, and when to come again. */
function refusalOf(error) {
  if (!(error.metadata instanceof grpc.Metadata)) throw error;
  const told = {ErrorInfo: {}, LocalizedMessage: {}, RetryInfo: {}};
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  for (const {type_url: url, value} of bytes ? errors.lookupType('google.rpc.Status').decode(bytes).details : []) {
    const kind = url.split('/').pop();
    if (kind.split('.').pop() in told) told[kind.split('.').pop()] = errors.lookupType(kind).decode(value);
  }
  const {seconds = 0, nanos = 0} = told.RetryInfo.retryDelay ?? {};
  return {
    code: error.code,
    reason: told.ErrorInfo.reason ?? '',
    message: told.LocalizedMessage.message || error.details,
    pauseS: Math.max(Number(error.metadata.get('grpc-retry-pushback-ms')[0] ?? 0) / 1000, Number(seconds) + nanos / 1e9),
  };
}

class Client {
  constructor(target) {
    // After a broken connection the next attempt need not wait for the usual second.
    const options = {'grpc.initial_reconnect_backoff_ms': 100};
    this.settlements = new v1.SettlementService(target, credentials(), options);
    this.bindings = new v1.BindingService(target, credentials(), options);
  }

  /** The result of one task: done, refused by the service, or unknown. */
  async perform(task) {
    this.longestS = task.deadline_s ?? DEADLINE_S;
    this.requestId = '';
    this.subject = task.subject ? packed(task.subject) : null;
    try {
      return {outcome: 'done', ...await this[task.do](task)};
    } catch (error) {
      const {code, reason, message} = refusalOf(error);
      if (UNKNOWN.includes(code)) return {outcome: 'unknown', code: grpc.status[code], request_id: this.requestId};
      return {outcome: 'refused', code: grpc.status[code], reason, message};
    }
  }

  async quote({bill}) {
    const {settlement} = await this.call(this.settlements, 'Quote', {bill});
    return {fund_fen: settlement.fund_fen};
  }

  /** Settles one bill. A replayed reply is as good as the first: the money has moved once. */
  async settle({bill}) {
    const {settlement, receipt} = await this.call(this.settlements, 'Settle', this.numbered({bill}));
    return {settlement_id: settlement.settlement_id, fund_fen: settlement.fund_fen, replayed: receipt.replayed};
  }

  /** Applies for a binding. A state of a later version comes as its number. */
  async submit({application}) {
    const {binding} = await this.call(this.bindings, 'SubmitBinding', this.numbered(application));
    return {binding_id: binding.binding_id, state: binding.state};
  }

  async reverse({settlement_id: original}) {
    const request = this.numbered({settlement_id: original, why: '患者退费'});
    const {settlement, receipt} = await this.call(this.settlements, 'Reverse', request);
    return {settlement_id: settlement.settlement_id, replayed: receipt.replayed};
  }

  /** All pages of a list; from the first page again, and without the rows read, where a token is not accepted. */
  async list(task) {
    for (let reading = 1; ; reading++) {
      try {
        return {settlement_ids: await this.pages(task)};
      } catch (error) {
        if (refusalOf(error).reason !== 'PAGE_TOKEN_INVALID' || reading >= READINGS) throw error;
      }
    }
  }

  /** The rows of every page. Only a page without a token is the last, however few rows a page has. */
  async pages({patient, from_day, to_day, page_size: size}) {
    const rows = [];
    let token = '';
    do {
      const request = {patient, from_day, to_day, page: {size, token}};
      const reply = await this.call(this.settlements, 'ListSettlements', request);
      // A reversed settlement has a second row, its refund, on the day of that.
      rows.push(...reply.rows.filter((row) => !row.refund).map((row) => row.settlement_id));
      token = reply.next_page_token;
    } while (token);
    return rows;
  }

  async wait({seconds}) {
    await sleep(seconds * 1000);
    return {};
  }

  /** The reply. The same request goes out again where that is worth it, later each time and never sooner than asked. */
  async call(stub, method, request) {
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

  /** One call: its deadline, who calls and for whom; else people belong in requests, never in metadata. */
  once(stub, method, request) {
    const metadata = new grpc.Metadata();
    metadata.set('x-gongji-caller', CALLER);
    // Read anew each time: a token is replaced before it runs out.
    const token = content('GONGJI_TOKEN_FILE');
    if (token) metadata.set('authorization', `Bearer ${token.toString('ascii').trim()}`);
    if (this.subject) metadata.set('x-gongji-subject-bin', this.subject);
    const options = {deadline: Date.now() + 1000 * this.longestS};
    return new Promise((resolve, reject) => {
      stub[method](request, metadata, options, (error, reply) => (error ? reject(error) : resolve(reply)));
    });
  }

  /** The request with an id of its own: made once for each business request, from chance alone. */
  numbered(request) {
    this.requestId = randomUUID();
    return {...request, request_id: this.requestId};
  }

  close() {
    this.settlements.close();
    this.bindings.close();
  }
}

async function main() {
  const client = new Client(process.env.GONGJI_TARGET);
  for (const task of JSON.parse(process.env.GONGJI_TASK)) {
    console.log(JSON.stringify(await client.perform(task)));
  }
  client.close();
}

main();
