'use strict';
// Yuan as people write them and whole fen as the service counts them, never mixed up.

/** An amount as people write it, '900.50' yuan, as whole fen: '90050', as text because int64 does not fit a number. */
function fen(yuan) {
  const [, whole, part = ''] = /^([0-9]{1,13})(?:\.([0-9]{1,2}))?$/.exec(typeof yuan === 'string' ? yuan : '') ?? [];
  if (whole === undefined) throw new Error(`金额 ${JSON.stringify(yuan)} 不是元：请写作文本 '900.50'，至多两位小数`);
  return String(BigInt(whole + part.padEnd(2, '0')));
}

/** Fen as people read them. */
function inYuan(text) {
  const amount = BigInt(text);
  return `${amount / 100n}.${String(amount % 100n).padStart(2, '0')} 元`;
}

/** The message, with yuan in its fields of fen refused: proto-loader would cut 900.50 to 900 fen without a word. */
function whole(message) {
  for (const [key, value] of Object.entries(message)) {
    if (key.endsWith('_fen') && !(typeof value === 'string' ? /^-?[0-9]+$/.test(value) : Number.isSafeInteger(value))) {
      throw new Error(`${key} 写了 ${JSON.stringify(value)}：这里是分，须是整数；元请先以 fen('900.50') 换算`);
    }
    if (value && typeof value === 'object' && !Buffer.isBuffer(value)) whole(value);
  }
  return message;
}

module.exports = {fen, inYuan, whole};
