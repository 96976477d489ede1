'use strict';
// A channel's start with gongji in Node: see README.md. The argument is a sample family's application.

const fs = require('node:fs');

const {fen, inYuan} = require('./money.js');
const {Service, numbered, refusalOf} = require('./service.js');
const {eventsOf, healthOf} = require('./watch.js');

/** What a channel would have asked for: the application and a bill of a sample family. */
function prepared(file) {
  const now = Date.now();
  const today = new Date(now + 8 * 3600 * 1000).toISOString().slice(0, 10);
  const seconds = Math.floor(now / 1000);  // proto-loader takes instants as protobuf has them, not as JSON writes them
  return JSON.parse(fs.readFileSync(file, 'utf8').replaceAll('TODAY', today).replaceAll('"NOW"', `{"seconds": ${seconds}}`));
}

/** Applies, first with too little, deciding only: what is unmet comes whole. Then with everything, and records the member's consent. */
async function bind(service, application) {
  service.actFor(application.holder);
  const bare = {...application, agreement: null, identity_checks: [], validate_only: true, explain: true};
  const {unmet} = await service.call(service.bindings, 'SubmitBinding', numbered(bare));
  console.log(`绑定（只问不办）：${unmet.reason}，${unmet.conditions.length} 个条件不符合：`);
  for (const {code, fields, clauses, message, ways} of unmet.conditions) {
    console.log(`  ${code} ${fields[0].path}（${clauses.join(',')}）：${message}`);
    for (const {text} of ways[0]?.steps ?? []) console.log(`    办法：${text}`);
  }
  let {binding} = await service.call(service.bindings, 'SubmitBinding', numbered(application));
  if (binding.state === 'BINDING_STATE_AWAITING_CONSENT') {
    service.actFor(application.member);
    const consent = {method: 'CONSENT_METHOD_OWN_ACCOUNT', at: {seconds: Math.floor(Date.now() / 1000)}};
    const request = numbered({binding_id: binding.binding_id, consent});
    ({binding} = await service.call(service.bindings, 'RecordConsent', request));
  }
  console.log(`绑定：${binding.binding_id} ${binding.state}`);
  if (binding.state === 'BINDING_STATE_UNDER_REVIEW') {
    // The operator of a trial may approve; a channel waits for the city's reviewer.
    const request = numbered({binding_id: binding.binding_id, reviewer: 'clerk-1', verdict: 'REVIEW_VERDICT_APPROVE'});
    ({binding} = await service.call(service.bindings, 'ReviewBinding', request));
    console.log(`审核通过：${binding.binding_id} ${binding.state}`);
  }
  return binding;
}

/** Settles a bill, and sends the same request again, as after a lost reply: the money moves once. */
async function settle(service, bill) {
  const {settlement: quoted} = await service.call(service.settlements, 'Quote', {bill});
  console.log(`预结算：统筹 ${inYuan(quoted.fund_fen)}，账户 ${inYuan(quoted.account_fen)}`
    + `（共济 ${inYuan(quoted.aid_fen)}），现金 ${inYuan(quoted.cash_fen)}`);
  const request = numbered({bill});
  const {settlement} = await service.call(service.settlements, 'Settle', request);
  const again = await service.call(service.settlements, 'Settle', request);
  console.log(`结算：${settlement.settlement_id}；同号重发：${again.settlement.settlement_id}，`
    + `replayed = ${again.receipt.replayed}`);
  return settlement;
}

/** Reads the patient's rows page by page: only a page without a token is the last. */
async function list(service, {patient, service_day: day}) {
  let [pages, rows, token] = [0, 0, ''];
  do {
    const request = {patient, from_day: day, to_day: day, page: {size: 1, token}};
    const reply = await service.call(service.settlements, 'ListSettlements', request);
    [pages, rows, token] = [pages + 1, rows + reply.rows.length, reply.next_page_token];
  } while (token);
  console.log(`列出：${pages} 页，${rows} 行`);
}

/** Tells three events since a cursor, and after a break the rest: none is missed. */
async function watch(service, people, cursor) {
  const [first, next] = await eventsOf(service, people, cursor, 3);
  const [rest] = await eventsOf(service, people, next, 100);
  console.log(`事件：${first.join('、')}；断开再续：${rest.join('、')}`);
}

async function start(service, file) {
  const {status} = await service.call(service.health, 'Check', {});
  console.log(`健康检查：${status}`);
  console.log(`结算服务现在：${await healthOf(service, 'gongji.v1.SettlementService')}`);
  const {application, bill} = prepared(file);
  bill.total_fen = bill.in_scope_fen = fen('2000.50');
  const people = [application.holder, application.member];
  const [, begun] = await eventsOf(service, people, '', 0);
  const binding = await bind(service, application);
  service.actFor(bill.patient);
  const {settlement_id: original} = await settle(service, bill);
  const reverse = {settlement_id: original, why: '患者退费'};
  const {refunds} = await service.call(service.settlements, 'Reverse', numbered(reverse));
  for (const {fen: amount, purse} of refunds) console.log(`撤销：${inYuan(amount)} 退回 ${purse} 的账户`);
  try {
    await service.call(service.settlements, 'Reverse', numbered(reverse));
  } catch (error) {
    const {reason, message} = refusalOf(error);
    console.log(`再撤一次，被拒绝：${reason} ${message}`);
  }
  await list(service, bill);
  service.actFor(application.holder);
  const unbind = numbered({binding_id: binding.binding_id, channel: application.channel});
  const {binding: ended} = await service.call(service.bindings, 'Unbind', unbind);
  console.log(`解绑：${ended.binding_id} ${ended.state}`);
  await watch(service, people, begun);
}

const service = new Service(process.env.GONGJI_TARGET);
start(service, process.argv[2])
  .catch((error) => {
    console.error(error.metadata ? `${refusalOf(error).reason} ${refusalOf(error).message}` : error.message);
    process.exitCode = 1;
  })
  .finally(() => service.close());
