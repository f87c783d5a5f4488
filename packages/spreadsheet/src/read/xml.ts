import { SaxesParser } from 'saxes';
import { failure } from './failure.ts';

export type Attributes = Record<string, string>;

/**
 * What a part's reader hears. Names come without their prefix: producers are free to write `x:row` for
 * `row`, and the strict variant of the format differs only in its namespaces.
 */
export interface XmlHandlers {
  open(name: string, attributes: Attributes): void;
  text?(text: string): void;
  close?(name: string): void;
}

export interface XmlFeed {
  write(text: string): void;
  /** Ends the part; what is still open then is an error. */
  end(): void;
  /** True once the root element has been opened. */
  readonly begun: boolean;
}

const MAX_DEPTH = 256;
/** One tag, text or comment longer than this is refused before it fills the heap. */
const MAX_TOKEN = 8 * 1024 ** 2;
/** The root element has to begin within this many characters. */
const MAX_PROLOG = 64 * 1024;

/**
 * A streaming XML reader that refuses document types (and with them entities) before expanding anything.
 * Throws CodedError: WORKBOOK_UNSAFE, WORKBOOK_BROKEN (not well-formed), WORKBOOK_TOO_LARGE (giant token).
 */
export function createXmlFeed(part: string, handlers: XmlHandlers): XmlFeed {
  const parser = new SaxesParser({ xmlns: false, position: false });
  let depth = 0;
  let begun = false;
  let fed = 0;
  let quiet = 0;
  let heard = false;

  parser.on('doctype', () => {
    throw unsafe(part);
  });
  parser.on('error', (error) => {
    throw failure('WORKBOOK_BROKEN', `${part}: ${error.message}`);
  });
  parser.on('opentag', (tag) => {
    heard = true;
    begun = true;
    depth += 1;
    if (depth > MAX_DEPTH) throw failure('WORKBOOK_BROKEN', `${part}: nested too deeply`);
    handlers.open(localName(tag.name), tag.attributes as Attributes);
  });
  parser.on('closetag', (tag) => {
    depth -= 1;
    handlers.close?.(localName(tag.name));
  });
  parser.on('text', (text) => {
    heard = true;
    handlers.text?.(text);
  });
  parser.on('cdata', (text) => {
    heard = true;
    handlers.text?.(text);
  });

  return {
    get begun() {
      return begun;
    },
    write(text) {
      heard = false;
      if (!begun) {
        fed += text.length;
        // An unfinished document type is only reported at its end, which may never come.
        if (text.includes('<!DOCTYPE') && beginsWithDoctype(text)) throw unsafe(part);
      }
      parser.write(text);
      if (!begun && fed > MAX_PROLOG)
        throw failure('WORKBOOK_BROKEN', `${part}: no element at its beginning`);
      quiet = heard ? 0 : quiet + text.length;
      if (quiet > MAX_TOKEN) throw failure('WORKBOOK_TOO_LARGE', `${part}: one text or tag is over 8 MB`);
    },
    end() {
      parser.close();
    },
  };
}

/** True when a document type stands before the first element of this beginning of a part. */
export function beginsWithDoctype(head: string): boolean {
  const misc = /^(?:[\s\ufeff]+|<\?[\s\S]*?\?>|<!--[\s\S]*?-->)/;
  let rest = head;
  for (let match = misc.exec(rest); match; match = misc.exec(rest)) rest = rest.slice(match[0].length);
  return /^<!DOCTYPE/i.test(rest);
}

function unsafe(part: string) {
  return failure('WORKBOOK_UNSAFE', `a document type in ${part}`, { part });
}

/** A name without its namespace prefix. */
export function localName(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(colon + 1);
}

/** The attribute with this local name that has a prefix (`r:id`, whatever the prefix is called). */
export function prefixedAttribute(attributes: Attributes, local: string): string | undefined {
  const name = Object.keys(attributes).find((key) => key.endsWith(`:${local}`));
  return name === undefined ? undefined : attributes[name];
}

/** A boolean attribute, as XML Schema and older producers write it. */
export function isTrue(value: string | undefined): boolean {
  return value === '1' || value === 'true' || value === 'on';
}
