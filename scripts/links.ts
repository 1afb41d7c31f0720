/**
 * What pages and comments point at must be there: relative links and anchors of every page, paths of this repository that
 * a page names, pages and anchors under docs/ that a source cites, and files of this repository that a comment names.
 * Citations of notes outside the repository are refused.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** A page or a source; the path is relative to the repository's root, with slashes. */
export interface Text {
  readonly path: string;
  readonly text: string;
}

const folders = ['docs', 'src', 'test', 'scripts', 'bench', 'studio', 'examples'];
/** Also this check and its test, which hold wrong links on purpose. */
const skipped = /(?:^|\/)(?:(?:node_modules|dist|generated|fixtures)(?:\/|$)|links\.(?:test\.)?ts$)/;
const readable = /\.(?:md|ts|tsx|mjs|sh)$/;

/** Every page and source of the repository. */
export function repositoryTexts(): readonly Text[] {
  const inFolders = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(
        (path) => `${folder}/${path.replaceAll('\\', '/')}`,
      ),
    );
  return [...readdirSync('.'), ...inFolders]
    .filter((path) => readable.test(path) && !skipped.test(path))
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
}

const isPage = ({ path }: Text): boolean => path.endsWith('.md');

/** Anchors of a page's headings, as GitHub makes them: a second heading of the same words gets -1. */
export function anchorsOf(page: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutFences(page).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const anchor = heading!
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');
    let unique = anchor;
    for (let again = 1; anchors.has(unique); again++) unique = `${anchor}-${again}`;
    anchors.add(unique);
  }
  return anchors;
}

const withoutFences = (page: string): string => page.replace(/^```[\s\S]*?^```/gm, '');

/** How notes outside the repository used to be cited. */
const outside = [
  /\bfacts,? (?:sections? )?\d/i,
  /\bperf-model\b/i,
  /\bperformance model, section/i,
  /\bnvdla-facts\b/,
  /\b(?:nvdla-timing|dla-software|operator-recipes)(?:\.md)?,? sections?\b/,
  /\bDESIGN(?:\.md)?,? section/,
  /\bshared\/docs\b/,
];

/**
 * One line for each thing that leads nowhere.
 * @param exists whether a path of the repository, relative to its root, is there
 */
export function deadLinks(texts: readonly Text[], exists: (path: string) => boolean): readonly string[] {
  const anchors = new Map(texts.filter(isPage).map(({ path, text }) => [path, anchorsOf(text)]));
  const wrongTarget = (target: string): string | undefined => {
    const [path, anchor] = target.split('#') as [string, string?];
    if (!exists(path)) return `no ${path}`;
    if (anchor === undefined || anchor === '') return undefined;
    return anchors.get(path)?.has(anchor) ? undefined : `no #${anchor} in ${path}`;
  };
  const hasSource = (name: string): boolean => texts.some(({ path }) => path === name || path.endsWith(`/${name}`));
  return texts.flatMap((file) => {
    const found = isPage(file) ? pageTargets(file) : citations(file);
    const dead = found.flatMap((target) => wrongTarget(target) ?? []);
    const old = file.text
      .split('\n')
      .filter((line) => outside.some((form) => form.test(line)))
      .map((line) => `cites notes outside the repository: ${line.trim()}`);
    const gone = isPage(file) ? [] : sourcesNamed(file).filter((name) => !hasSource(name));
    return [...dead, ...gone.map((name) => `no ${name}`), ...old].map((problem) => `${file.path}: ${problem}`);
  });
}

/** Targets of a page's links, and paths that it names in code style; relative to the root. */
function pageTargets({ path, text }: Text): readonly string[] {
  const prose = withoutFences(text);
  const linked = prose.replace(/`[^`\n]*`/g, '');
  const links = [...linked.matchAll(/\]\(([^)\s]+)\)/g), ...linked.matchAll(/^\[[^\]]+\]:\s+(\S+)/gm)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) =>
      target.startsWith('#') ? `${path}${target}` : posix.normalize(posix.join(posix.dirname(path), target)),
    );
  // A name with a wildcard stands for its folder.
  const named = [...prose.matchAll(/`((?:src|test|scripts|bench|docs|schema)\/[^`\n]*)`/g)].map(([, name]) =>
    name!.replace(/[^/]*[^\w./-].*$/, '').replace(/\/$/, ''),
  );
  return [...links, ...named];
}

/** Pages that a source cites. */
const citations = ({ text }: Text): readonly string[] =>
  [...text.matchAll(/(?<![\w/.])docs\/[\w./-]+\.md(?:#[\w-]+)?/g)].map(([target]) => target);

/** Sources that the comments of a source name, by the end of their path: `sdp.ts`, `lower/moves.ts`. */
const sourcesNamed = ({ text }: Text): readonly string[] =>
  [...text.matchAll(/^\s*(?:\*|\/\*\*|\/\/).*$|\s\/\/ .*$/gm)].flatMap(([comment]) =>
    [...comment.matchAll(/(?<![\w/'.*-])(?:[\w-]+\/)*[\w-]+\.ts\b/g)].map(([name]) => name),
  );
