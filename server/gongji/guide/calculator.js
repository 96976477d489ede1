// Works out what the fund pays of a bill by ROWS alone, in whole fen: BigInt, never a float.
// A deductible or limit is [fen, meter]; `read` says what each meter reads before the bill.
function fundShare(row, inScope, read) {
  const least = (a, b) => (a < b ? a : b);
  const left = ([fen, meter]) => {
    const rest = BigInt(fen) - (read[meter] ?? 0n);
    return rest > 0n ? rest : 0n;
  };
  if (row.denied) return { deductible: 0n, fund: 0n };
  const deductible = row.deductibles.map(left).reduce(least, inScope);
  // 四舍五入: half a fen more before the division, which floors.
  const product = (inScope - deductible) * BigInt(row.ratio) + (row.halfUp ? 5000n : 0n);
  return { deductible, fund: row.limits.map(left).reduce(least, product / 10000n) };
}

// Return fen of yuan as people write them, null if it is no such amount.
function fenOf(text) {
  const match = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text.trim().replaceAll(",", ""));
  return match && BigInt(match[1]) * 100n + BigInt((match[2] ?? "").padEnd(2, "0"));
}

function yuanOf(fen) {
  const cents = String(fen % 100n).padStart(2, "0");
  return `${String(fen / 100n).replace(/\B(?=(\d{3})+$)/g, ",")}.${cents}元`;
}

(() => {
  // A city all of whose benefits have rows of other shapes has nothing to work out here.
  if (!ROWS.length) return;
  const form = document.querySelector(".calculator");
  const field = form.elements;
  const offer = (select, texts) => {
    const chosen = select.value;
    select.replaceChildren(...[...new Set(texts)].map((text) => new Option(text)));
    if (texts.includes(chosen)) select.value = chosen;
  };
  const rowsOf = () => ROWS.filter((row) => row.people === field.people.value);
  const places = () => offer(field.place, rowsOf().map((row) => row.place));
  const show = () => {
    const row = rowsOf().find((each) => each.place === field.place.value);
    const [scope, borne, fund] = ["scope", "borne", "fund"].map((name) => fenOf(field[name].value));
    const outputs = ["deductible", "paid", "rest"].map((name) => field[name]);
    if (scope === null || borne === null || fund === null) {
      for (const output of outputs) output.value = "—";
      field.told.value = "金额请以元为单位填写，最多两位小数。";
      return;
    }
    const got = fundShare(row, scope, { borne, fund });
    const amounts = [got.deductible, got.fund, scope - got.deductible - got.fund];
    outputs.forEach((output, place) => { output.value = yuanOf(amounts[place]); });
    const why = row.denied ? `统筹基金不予支付：${row.denied} ` : "";
    field.told.value = `${why}依据：${row.clauses.join("、")}`;
  };
  offer(field.people, ROWS.map((row) => row.people));
  places();
  form.addEventListener("input", (event) => {
    if (event.target === field.people) places();
    show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();
})();
