import type { FastifyReply } from 'fastify';
import type { SignInKind } from '../auth/sign-in-names.ts';

export interface PageFacts {
  title: string;
  /** Of whoever is signed in; null shows the form. */
  name: string | null;
  /** What went wrong; shown to eye and ear. */
  fault?: string | undefined;
  /** By what one signs in here, and what was typed there. */
  signInBy: SignInKind;
  typed?: string | undefined;
  next: string;
  formToken: string;
  /** Where an administrator can go. */
  links: readonly { text: string; href: string }[];
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const safe = (text: string) => text.replace(/[&<>"']/g, (sign) => escapes[sign] ?? '');

/** No script, no frame, nothing from elsewhere. */
export const pagePolicy =
  "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** For what answers in a place where the sign-in page may have been sent instead, whose policy it keeps. */
export function keepPolicy(reply: FastifyReply, policy: string): void {
  const name = 'content-security-policy';
  if (reply.getHeader(name) !== pagePolicy) reply.header(name, policy);
}

/** The page on which an administrator's browser signs in and out. Works without scripts. */
export function signInPage(facts: PageFacts): string {
  const title = facts.name === null ? 'Sign in' : 'Signed in';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} – ${safe(facts.title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/admin/sign-in.css">
</head>
<body>
<main>
<h1>${safe(facts.title)}</h1>
${facts.name === null ? signInForm(facts) : signedIn(facts.name, facts)}
</main>
</body>
</html>
`;
}

const nameFields: Readonly<Record<SignInKind, { label: string; type: string }>> = {
  email: { label: 'E-mail', type: 'email' },
  armyNumber: { label: 'Army number', type: 'text' },
};

function signInForm({ fault, signInBy: by, typed = '', next, formToken }: PageFacts): string {
  const { label, type } = nameFields[by];
  const alert = fault === undefined ? '' : `<p role="alert" id="fault">${safe(fault)}</p>\n`;
  const described = fault === undefined ? '' : ' aria-describedby="fault"';
  return `<p>Queues and API reference, for administrators.</p>
${alert}<form method="post" action="/admin/sign-in">
<input type="hidden" name="form" value="${safe(formToken)}">
<input type="hidden" name="next" value="${safe(next)}">
<label for="${by}">${label}</label>
<input id="${by}" name="${by}" type="${type}" autocomplete="username" required maxlength="320" value="${safe(typed)}"${described}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024"${described}>
<button type="submit">Sign in</button>
</form>`;
}

function signedIn(name: string, { links, formToken }: PageFacts): string {
  const items = links.map(({ text, href }) => `<li><a href="${safe(href)}">${safe(text)}</a></li>`);
  return `<p>You are signed in as ${safe(name)}.</p>
<ul>
${items.join('\n')}
</ul>
<form method="post" action="/admin/sign-out">
<input type="hidden" name="form" value="${safe(formToken)}">
<button type="submit">Sign out</button>
</form>`;
}

export const pageStyle = `:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText; }
main { width: min(22rem, calc(100vw - 3rem)); padding: 1.5rem; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; }
p { margin: 0 0 1rem; }
ul { margin: 0 0 1.5rem; padding-left: 1.25rem; }
[role="alert"] { padding: .6rem .8rem; border-left: .3rem solid #c62828; background: #c6282822; }
form { display: grid; gap: .35rem; }
label { font-weight: 600; margin-top: .5rem; }
input { font: inherit; padding: .55rem .7rem; border: 1px solid #767676; border-radius: .3rem; }
button { font: inherit; font-weight: 600; margin-top: 1rem; padding: .6rem; border: 0; border-radius: .3rem;
  background: #0b57d0; color: #fff; cursor: pointer; }
:is(input, button, a):focus-visible { outline: 3px solid #0b57d0; outline-offset: 2px; }
`;
