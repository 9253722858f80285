// The page in a real browser, on the program as it is built. PROGRAM names it,
// CHROMIUM the browser, and SCREENSHOTS a folder to put pictures into, if any.
import assert from "node:assert/strict";
import {spawn} from "node:child_process";
import {mkdtemp, readFile, rm} from "node:fs/promises";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, test} from "node:test";
import {chromium} from "playwright-core";

const program = process.env.PROGRAM, pictures = process.env.SCREENSHOTS;
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

let browser, folder;
const started = new Set();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "page-"));
  browser = await chromium.launch({executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: flags});
});
after(async () => {
  await browser?.close();
  for (const p of started) p.kill("SIGKILL");
  await rm(folder, {recursive: true, force: true});
});

// start starts the program, and waits for what it says of its address.
function start(args, environ = {}) {
  const p = spawn(program, args, {cwd: folder, env: {...process.env, ...environ}});
  started.add(p);
  return new Promise((found, failed) => {
    let said = "";
    const hear = text => {
      said += text;
      const url = said.match(/http:\/\/127\.0\.0\.1:\d+/);
      if (url) found({url: url[0], said: () => said, end: signal => new Promise(r => { p.once("exit", r); p.kill(signal); })});
    };
    p.stdout.on("data", hear);
    p.stderr.on("data", hear);
    p.once("exit", code => failed(new Error(`${args[0]} ended with ${code}: ${said}`)));
  });
}

// open opens a page that must not complain, nor ask any other host.
async function open(t, url, options = {}) {
  const context = await browser.newContext({timezoneId: "America/New_York", locale: "en-GB", viewport: {width: 1200, height: 900}, ...options});
  t.after(() => context.close());
  const page = await context.newPage();
  const own = new URL(url).host;
  page.wrong = [];
  page.on("pageerror", e => page.wrong.push(String(e)));
  page.on("console", m => { if (m.type() === "error" && !m.text().includes("ERR_CONNECTION_REFUSED") && !m.text().includes("ERR_INCOMPLETE")) page.wrong.push(m.text()); });
  page.on("request", r => { if (new URL(r.url()).host !== own) page.wrong.push("asked " + r.url()); });
  page.on("dialog", d => { page.wrong.push("dialog " + d.message()); d.dismiss(); });
  await page.goto(url);
  return page;
}

async function fit(page, what) {
  assert.deepEqual(page.wrong, [], what);
  // Behind the policy of the page no script of the page's own could be added; the
  // debugger's may.
  const source = await (await import("node:fs/promises")).readFile(axe, "utf8");
  await page.evaluate(source);
  const {violations} = await page.evaluate(() => window.axe.run());
  assert.deepEqual(violations.filter(v => ["serious", "critical"].includes(v.impact)).map(v => [v.id, v.nodes.map(n => n.html)]), [], what);
  const [wide, window_] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(wide <= window_, `${what}: ${wide} wide in a window of ${window_}`);
}

async function picture(page, name) {
  if (pictures) await page.screenshot({path: join(pictures, name + ".png")});
}

const variables = sim => ({
  INTERLOCK_GAUSSDB_ENDPOINT: sim, INTERLOCK_DBSS_ENDPOINT: sim, INTERLOCK_AUTH_TOKEN: "simulated-token", INTERLOCK_LEDGER: "bolt:" + join(folder, "interlock.db"),
});

const instances = [1, 2, 3, 4, 5].map(n => `cb2f0d6a5e4b4a0f8f3d0c1b2a39485${n}in07`);

// ask sends an approved ticket, which must be taken.
async function ask(url, id, ticket, instance) {
  const data = {
    switch: "multi-tenancy", enabled: true, target: {project_id: "056538411200d4cd2f79c003c7606412", instance_id: instance},
    ticket: {id: ticket, requested_by: "requester@example.com", approved_by: ["approver@example.com"], approved_at: new Date().toISOString()},
  };
  const res = await fetch(url + "/functions/multitenant", {
    method: "POST", headers: {"Content-Type": "application/cloudevents+json"},
    body: JSON.stringify({specversion: "1.0", type: "dev.interlock.ticket.approved.v1", id, source: "urn:test", data}),
  });
  assert.equal(res.status, 202, await res.text());
}

test("what run shows: each screen, live", {timeout: 240_000}, async t => {
  const run = await start(["run", "--addr", "127.0.0.1:0"]);
  const page = await open(t, run.url);
  // Rows come while the page is open, to the end of the chain.
  await page.locator("#link", {hasText: "live"}).waitFor();
  await page.locator("#rows tr").nth(7).waitFor({timeout: 60_000});
  await page.locator("#rows", {hasText: "job failed"}).waitFor({timeout: 60_000});
  await page.locator("#summary", {hasText: "Nothing waits."}).waitFor({timeout: 60_000});
  assert.match(await page.locator("#rows time").first().innerText(), /\d+:\d+:\d+\n.* UTC/);
  await fit(page, "first screen");
  await picture(page, "page");

  await page.locator("#rows tr", {hasText: "job failed"}).getByRole("link", {name: "multi-tenancy off"}).click();
  await page.getByRole("heading", {level: 1, name: "multi-tenancy off: accepted"}).waitFor();
  const story = await page.locator("#story").innerText();
  for (const text of ["CHG0031342", "approved by approver@example.com", "job-failed", "dev.interlock.switch.completed.v1"]) assert.ok(story.includes(text), text);
  await fit(page, "decision");
  await picture(page, "page-decision");

  // A stranger makes one fail, and follows it to its end; one whose call was
  // answered to nobody is in doubt, and holds up none of the others.
  await page.goto(run.url);
  await page.getByRole("button", {name: "Let a job fail"}).click();
  await page.locator("#rows tr", {hasText: "TRY0000001"}).getByRole("link", {name: "multi-tenancy on"}).click();
  await page.locator("#story", {hasText: "job-failed"}).waitFor({timeout: 60_000});
  await page.goto(run.url);
  await page.getByRole("button", {name: "Break a call"}).press("Enter");
  await page.locator("#rows tr", {hasText: "TRY0000002"}).locator(".state.doubt").waitFor({timeout: 60_000});
  await page.getByRole("button", {name: "Send a sample"}).click();
  await page.locator("#rows tr", {hasText: "TRY0000003"}).locator(".state.done").waitFor({timeout: 60_000});
  // What was in doubt is looked up, and what a killed worker began is ended by
  // another; each is called once.
  await page.getByRole("button", {name: "Kill a worker"}).click();
  await page.locator("#rows tr", {hasText: "TRY0000004"}).locator(".state.work").waitFor();
  await page.locator("#rows tr", {hasText: "TRY0000002"}).locator(".state.done").waitFor({timeout: 60_000});
  await page.locator("#rows tr", {hasText: "TRY0000004"}).locator(".state.done").waitFor({timeout: 90_000});
  for (const [instance, on] of [["81c6d2f04b7e49a3954fe0a7b3c8d216in07", "access-control-switch"], ["17b9e4d2c6a04f58921d7f3c0e8a5b64in07", "proxy/94d0c7b3e8f145a2b6d1c9f8073e5a26po01"]])
    assert.equal(run.said().split("\n").filter(line => / call +P/.test(line) && line.includes(instance) && line.includes(on)).length, 1, on);
  await page.locator("#rows tr", {hasText: "TRY0000004"}).getByRole("link", {name: "proxy-ssl on"}).click();
  await page.locator("#story div", {hasText: /^attempts\s*2$/}).waitFor();
  await page.goto(run.url);

  await page.goto(run.url);
  await page.locator("#rows .place").first().click();
  await page.getByRole("heading", {level: 1, name: /^Chain of .*: succeeded$/}).waitFor();
  await fit(page, "chain");

  // The filters stand in the address.
  await page.goto(run.url);
  await page.getByLabel("Ticket").fill("CHG0031343");
  await page.getByRole("button", {name: "Show"}).press("Enter");
  await page.waitForURL(/ticket=CHG0031343/);
  assert.equal(await page.locator("#rows tr").count(), 2);
  await page.goto(run.url + "/page/decision?id=none");
  await page.getByRole("heading", {level: 1, name: "Not Found"}).waitFor();

  for (const options of [{colorScheme: "dark"}, {colorScheme: "light"}]) {
    const narrow = await open(t, run.url, {...options, viewport: {width: 360, height: 740}});
    await narrow.locator("#rows tr").first().waitFor();
    await fit(narrow, "narrow, " + options.colorScheme);
    if (options.colorScheme === "dark") await picture(narrow, "page-narrow");
  }
  const still = await open(t, run.url, {javaScriptEnabled: false});
  assert.equal(await still.locator("#rows tr").count(), 12);
  await run.end("SIGINT");
});

test("a server that was killed and comes back loses no row", {timeout: 120_000}, async t => {
  const sim = await start(["sim", "--addr", "127.0.0.1:0"]);
  let serve = await start(["serve", "--addr", "127.0.0.1:0"], variables(sim.url));
  const addr = new URL(serve.url).host;
  await ask(serve.url, "before", "CHG-before", instances[0]);
  const page = await open(t, serve.url);
  await page.locator("#rows", {hasText: "before"}).waitFor();
  await ask(serve.url, "while", "CHG-while", instances[1]);
  await page.locator("#rows", {hasText: "while"}).waitFor();
  await serve.end("SIGKILL");
  await page.locator("#link", {hasText: "not connected"}).waitFor();
  serve = await start(["serve", "--addr", addr], variables(sim.url));
  await ask(serve.url, "after", "CHG-after", instances[2]);
  await page.locator("#rows", {hasText: "after"}).waitFor({timeout: 60_000});
  await page.locator("#link", {hasText: "live"}).waitFor();
  assert.deepEqual((await page.locator("#rows td[data-name=Event]").allInnerTexts()).sort(), ["after", "before", "while"]);
  assert.deepEqual(page.wrong, []);

  // Who has the desk's token halts, and lets go on; nobody else does.
  const {token} = JSON.parse(await readFile(join(folder, "interlock.db.serve"), "utf8"));
  await page.goto(serve.url);
  await page.getByRole("link", {name: "Halt all calls"}).click();
  await page.getByLabel("The desk's token").fill("guessed");
  await page.getByRole("button", {name: "Halt all calls"}).press("Enter");
  await page.getByRole("alert").filter({hasText: "nothing was done"}).waitFor();
  page.wrong.length = 0; // that it was forbidden
  await fit(page, "desk");
  await page.getByLabel("The desk's token").fill(token);
  await page.getByRole("button", {name: "Halt all calls"}).click();
  await page.locator("#summary", {hasText: "Halted: nothing is called"}).waitFor();
  const [id, ticket] = ["halted", "CHG-halted"];
  await assert.rejects(ask(serve.url, id, ticket, instances[4]), /503/);
  await page.locator("#rows tr", {hasText: ticket}).getByRole("link").first().click();
  await page.getByRole("link", {name: "Deliver again"}).click();
  await page.locator("#says", {hasText: "if nothing is in the way any more, the switch is flipped"}).waitFor();
  await page.goto(serve.url);
  await page.getByRole("link", {name: "Let calls go on"}).click();
  await page.getByLabel("The desk's token").fill(token);
  await page.getByRole("button", {name: "Let calls go on"}).click();
  await page.locator("#rows tr", {hasText: ticket}).getByRole("link").first().click();
  await page.getByRole("link", {name: "Deliver again"}).click();
  await page.getByLabel("The desk's token").fill(token);
  await page.getByRole("button", {name: "Deliver again"}).click();
  await page.getByRole("heading", {level: 1, name: /multi-tenancy on: (accepted|unchanged)/}).waitFor();

  // What was decided beside what the cloud has.
  await page.goto(serve.url);
  await page.getByRole("link", {name: "Switches, as decided and as the cloud has them"}).click();
  await page.getByRole("button", {name: "Compare with the cloud"}).click();
  await page.locator("#main", {hasText: /otherwise than decided: 0 of \d/}).waitFor();
  await page.locator("#rows tr", {hasText: instances[4]}).locator(".state", {hasText: /as decided|at work/}).waitFor();
  await fit(page, "switches");

  // Who wants no motion gets none.
  const calm = await open(t, serve.url, {reducedMotion: "reduce"});
  assert.deepEqual(await calm.evaluate(() => [...document.querySelectorAll("*")].filter(e => {
    const s = getComputedStyle(e);
    return s.animationName !== "none" || s.transitionDuration.split(", ").some(d => parseFloat(d) > 0) || s.scrollBehavior === "smooth";
  }).map(e => e.tagName)), []);

  // What senders write is text.
  await page.goto(serve.url);
  const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`;
  await ask(serve.url, evil + "n".repeat(4000), (evil + "t".repeat(256)).slice(0, 256), instances[3]);
  await page.locator("#rows", {hasText: "alert(1)"}).waitFor();
  await fit(page, "hostile, live");
  await page.reload();
  await page.locator("#rows", {hasText: "alert(1)"}).waitFor();
  await page.locator("#rows tr", {hasText: "alert(1)"}).getByRole("link").first().click();
  await page.locator("#story", {hasText: "alert(1)"}).waitFor();
  await page.setViewportSize({width: 360, height: 740});
  await fit(page, "hostile, its story");
  await serve.end("SIGINT");
  await sim.end("SIGINT");
});
