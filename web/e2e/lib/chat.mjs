/** The chat, as a person uses it. */

/** @typedef {import('puppeteer-core').Page} Page */
/** @typedef {import('../../src/api.ts').BongsuChatElement} BongsuChatElement */

/** Waits until the page's chat is in its room, and gives the name that it has there. @param {Page} page */
export async function joined(page) {
  await page.waitForFunction(() => document.querySelector('bongsu-chat')?.state === 'open');
  await page.waitForFunction(() =>
    document.querySelector('bongsu-chat')?.shadowRoot?.querySelector('textarea:enabled'),
  );
}

/** Writes a message. @param {Page} page @param {string} text */
export async function write(page, text) {
  await page.locator('bongsu-chat >>> .composer textarea').fill(text);
  await page.focus('bongsu-chat >>> .composer textarea');
  await page.keyboard.press('Enter');
}

/** The texts of all messages in the page, the oldest first. @param {Page} page */
export function texts(page) {
  return page.evaluate(() =>
    [...(document.querySelector('bongsu-chat')?.shadowRoot?.querySelectorAll('.row .text') ?? [])].map(
      (one) => one.textContent ?? '',
    ),
  );
}

/** Waits until the chat has something; observers of mutations, which puppeteer waits by, do not look into shadow trees. @param {Page} page @param {string} selector */
export async function has(page, selector) {
  await page.waitForFunction(
    (what) => document.querySelector('bongsu-chat')?.shadowRoot?.querySelector(what),
    { timeout: 15_000 },
    selector,
  );
}

/** Waits until a text is shown somewhere in the chat. @param {Page} page @param {string} text @param {string} [place] */
export async function shows(page, text, place = '.chat') {
  await page.waitForFunction(
    (words, selector) =>
      [...(document.querySelector('bongsu-chat')?.shadowRoot?.querySelectorAll(selector) ?? [])].some((one) =>
        one.textContent?.includes(words),
      ),
    { timeout: 15_000 },
    text,
    place,
  );
}

/** Waits until a text is shown nowhere among the messages, or in another place. @param {Page} page @param {string} text @param {string} [place] */
export async function hides(page, text, place = '.rows') {
  await page.waitForFunction(
    (words, selector) =>
      !document.querySelector('bongsu-chat')?.shadowRoot?.querySelector(selector)?.textContent?.includes(words),
    { timeout: 15_000 },
    text,
    place,
  );
}

/** Opens the menu of a message. @param {Page} page @param {string} text */
export async function menu(page, text) {
  const opened = await page.evaluate((words) => {
    const rows = [...(document.querySelector('bongsu-chat')?.shadowRoot?.querySelectorAll('.row') ?? [])];
    const row = rows.find((one) => one.querySelector('.text')?.textContent === words);
    const button = /** @type {HTMLElement | null | undefined} */ (row?.querySelector('.more'));
    button?.click();
    return button !== null && button !== undefined;
  }, text);
  if (!opened) {
    throw new Error(`no menu at ${text}`);
  }
  await has(page, '.menu:popover-open button');
}

/** Chooses from it. @param {Page} page @param {string} text @param {string} item */
export async function choose(page, text, item) {
  await menu(page, text);
  await press(page, '.menu:popover-open button', item);
}

/** Opens a dialog. @param {Page} page @param {'people' | 'settings'} view */
export async function open(page, view) {
  await page.locator(`bongsu-chat >>> .${view}-button`).click();
  await has(page, 'dialog[open] .sheet');
}

/** Presses what has a text. @param {Page} page @param {string} selector @param {string} text */
export async function press(page, selector, text) {
  await page.waitForFunction(
    (where, words) => {
      const all = [...(document.querySelector('bongsu-chat')?.shadowRoot?.querySelectorAll(where) ?? [])];
      const one = /** @type {HTMLElement | undefined} */ (all.find((found) => found.textContent?.includes(words)));
      one?.click();
      return one !== undefined;
    },
    { timeout: 10_000 },
    selector,
    text,
  );
}
