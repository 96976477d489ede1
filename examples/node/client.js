'use strict';
// The tasks of the conformance suite, which tests/conformance/README.md describes: what judges service.js.
// Tasks in GONGJI_TASK, the server in GONGJI_TARGET, one line of JSON a result.

const {setTimeout: sleep} = require('node:timers/promises');

const grpc = require('@grpc/grpc-js');
const {Service, UNKNOWN, numbered, refusalOf} = require('./service.js');

const READINGS = 3;                                // how often a list is begun before its reader is told

class Client extends Service {
  /** The result of one task: done, refused by the service, or unknown. */
  async perform(task) {
    this.deadlineS = task.deadline_s ?? 10;
    this.requestId = '';
    this.actFor(task.subject);
    try {
      return {outcome: 'done', ...await this[task.do](task)};
    } catch (error) {
      const {code, reason, message} = refusalOf(error);
      if (UNKNOWN.includes(code)) return {outcome: 'unknown', code: grpc.status[code], request_id: this.requestId};
      return {outcome: 'refused', code: grpc.status[code], reason, message};
    }
  }

  /** A call of one business request, with an id that stays the same however often it goes out. */
  change(stub, method, content) {
    const request = numbered(content);
    this.requestId = request.request_id;
    return this.call(stub, method, request);
  }

  async quote({bill}) {
    const {settlement} = await this.call(this.settlements, 'Quote', {bill});
    return {fund_fen: settlement.fund_fen};
  }

  /** Settles one bill. A replayed reply is as good as the first: the money has moved once. */
  async settle({bill}) {
    const {settlement, receipt} = await this.change(this.settlements, 'Settle', {bill});
    return {settlement_id: settlement.settlement_id, fund_fen: settlement.fund_fen, replayed: receipt.replayed};
  }

  /** Applies for a binding. A state of a later version comes as its number. */
  async submit({application}) {
    const {binding} = await this.change(this.bindings, 'SubmitBinding', application);
    return {binding_id: binding.binding_id, state: binding.state};
  }

  async reverse({settlement_id: original}) {
    const {settlement, receipt} = await this.change(this.settlements, 'Reverse', {settlement_id: original, why: '患者退费'});
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
}

async function main() {
  const client = new Client(process.env.GONGJI_TARGET);
  for (const task of JSON.parse(process.env.GONGJI_TASK)) {
    console.log(JSON.stringify(await client.perform(task)));
  }
  client.close();
}

main();
