// Shows what others post without a reload, and tells each time in the reader's own words.
// It asks as often as the server says, more rarely while nothing happens, and never in a hidden tab.
const list = document.getElementById("messages");
const often = 3000, rarely = 30000;
let wait = often, seen, timer, shown = performance.now();

const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

function tellTimes() {
  for (const time of list.querySelectorAll("time")) {
    const then = new Date(time.dateTime);
    const ago = Math.max(0, Math.round((Date.now() - then) / 1000));
    const [unit, seconds] = units.find(([, size]) => ago >= size) ?? units.at(-1);
    time.textContent = words.format(-Math.floor(ago / seconds), unit);
    time.title = then.toLocaleString();
  }
}

const newest = html => Number(/id="message-(\d+)"/.exec(html)?.[1] ?? 0);

// What a CDN answers may be a few seconds older than what is shown. A message that is missing later was deleted.
const isOutdated = html => newest(html) < newest(list.innerHTML) && performance.now() - shown < 10000;

async function look() {
  try {
    const answer = await fetch(list.dataset.live, { cache: "no-cache" });
    if (!answer.ok) throw new Error(`the wall answered ${answer.status}`);
    const etag = answer.headers.get("etag");
    const asked = 1000 * (/max-age=(\d+)/.exec(answer.headers.get("cache-control"))?.[1] ?? 0) || often;
    if (etag === seen) {
      wait = Math.max(asked, Math.min(wait * 1.3, rarely));
    } else {
      const html = await answer.text();
      wait = asked;
      if (!isOutdated(html)) {
        list.innerHTML = html; // the app's own, escaped HTML
        seen = etag;
        shown = performance.now();
      }
    }
  } catch {
    wait = rarely;
  }
  tellTimes();
  lookLater();
}

function lookLater() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, wait * (0.8 + 0.4 * Math.random())); // no two tabs in step
}

tellTimes();
if (list.dataset.live) {
  lookLater();
  document.addEventListener("visibilitychange", () => { wait = often; lookLater(); });
}
