import { lineCount, type TidyFile } from './tidy-files.ts';

/** A rule looks at all files and says every breach in one line: `path: what is wrong, what to do`. */
export type TidyRule = (files: readonly TidyFile[]) => string[];

const settings =
  'package.json package-lock.json tsconfig.json knip.config.ts .editorconfig .gitignore .npmrc .oxfmtrc.json .oxlintrc.json';
const folders = 'setup shared api provisioner router k8s loadtest docs .ci .config';
const pages = 'README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE';
const topLevel = new Set(`${pages} setup.mjs ${folders} ${settings}`.split(' '));

/** Folders whose direct children are closed lists (docs/architecture.md, "Layout"). */
const children: Record<string, ReadonlySet<string>> = Object.fromEntries(
  Object.entries({
    shared: 'contract runtime testing',
    api: 'http central regional cli ui testing',
    k8s: 'crds base overlays manifest-files.ts write-manifests.ts manifests.test.ts',
    loadtest: 'stack engines sim virtual cluster workload record scenarios e2e bench report',
    'api/central': 'regions',
    'api/cli': 'admin',
    'api/regional': 'routes docs endpoints estimate settings tokens usage commit view testing',
    provisioner:
      'desired observe plan act report cluster capacity engines manifests proof drain leases kube autoscaler testing',
    router: 'request edge access admit scan dialects pick replicas scrape ledger forward alone processes epp testing',
  }).map(([folder, names]) => [folder, new Set(`README.md ${names}`.split(' '))]),
);
/** What the root of a process holds beside its rooms. */
const fourFiles = /^(main|service|config|app)(\.it)?(\.test)?\.ts$/;
const processes = ['api/central', 'api/cli', 'api/regional', 'provisioner', 'router'];
const longestMain = 15;
const readmeLines = 80;
const sourceLines = 300;
const testLines = 400;
const vague =
  /(^|\/)(index|utils?|helpers?|common|misc|types|managers?)(\.[a-z.]+)?(\/|$)|-(utils?|helpers?|manager)\.[a-z.]+$/;
const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.(slow|it|e2e|test|contract|bench|config|golden|d))*\.(ts|tsx|mjs)$/;
const outside = /^loadtest\/cluster\/kubelab\//;

const isSource = (file: TidyFile): boolean => /\.(ts|tsx|mjs)$/.test(file.name);

/** The layout is closed: a new entry is a decision, made here and in the README together. */
export const knownEntriesOnly: TidyRule = (files) => {
  const unknown = files.flatMap(({ name }) => {
    const path = name.split('/');
    if (!topLevel.has(path[0] ?? '')) return [`${path[0]}: not in the layout`];
    return path.slice(1).flatMap((child, depth) => {
      const folder = path.slice(0, depth + 1).join('/');
      const known = children[folder]?.has(child) ?? true;
      const ofProcess = processes.includes(folder) && fourFiles.test(child);
      return known || ofProcess ? [] : [`${folder}/${child}: not in the layout`];
    });
  });
  return [...new Set(unknown)];
};

export const smallFiles: TidyRule = (files) =>
  files.filter(isSource).flatMap((file) => {
    const most = /\.(test|contract|bench)\.ts$/.test(file.name) ? testLines : sourceLines;
    const lines = lineCount(file.text);
    return lines > most ? [`${file.name}: ${lines} lines, at most ${most}; split it by what its parts are for`] : [];
  });

export const speakingNames: TidyRule = (files) =>
  files
    .filter((file) => isSource(file) && !outside.test(file.name))
    .flatMap(({ name }) => {
      const base = name.slice(name.lastIndexOf('/') + 1);
      if (vague.test(name)) return [`${name}: the name says nothing; name it after what it exports`];
      return kebab.test(base) ? [] : [`${name}: file names are kebab-case`];
    });

/** A folder with a composition root is a process, and every process has the same four files. */
export const sameFourFiles: TidyRule = (files) => {
  const byName = new Map(files.map((file) => [file.name, file]));
  return processes
    .filter((folder) => byName.has(`${folder}/service.ts`))
    .flatMap((folder) => {
      const missing = ['main.ts', 'config.ts', 'app.ts'].filter((file) => !byName.has(`${folder}/${file}`));
      const mainLines = lineCount(byName.get(`${folder}/main.ts`)?.text ?? '');
      return [
        ...missing.map((file) => `${folder}: has a service.ts and no ${file}`),
        ...(mainLines > longestMain ? [`${folder}/main.ts: ${mainLines} lines, at most ${longestMain}`] : []),
      ];
    });
};

/** Each process explains itself in a README beside its service.ts or above it; none but the root's has over 80 lines. */
export const shortReadmes: TidyRule = (files) => {
  const names = new Set(files.map((file) => file.name));
  const explained = (folder: string): boolean =>
    names.has(`${folder}/README.md`) || (folder.includes('/') && explained(folder.slice(0, folder.lastIndexOf('/'))));
  const services = files
    .filter((file) => file.name.endsWith('/service.ts'))
    .map((file) => file.name.slice(0, -'/service.ts'.length));
  const missing = services.filter((folder) => !explained(folder)).map((folder) => `${folder}: has no README.md`);
  const long = files
    .filter((file) => file.name.endsWith('/README.md') && lineCount(file.text) > readmeLines)
    .map((file) => `${file.name}: ${lineCount(file.text)} lines, at most ${readmeLines}`);
  return [...missing, ...long];
};

/** Each package that runs in production is named in backticks, in a line that gives the reason for it. */
export const reasonsForPackages: TidyRule = (files) => {
  if (!files.some((file) => file.name === 'README.md')) return [];
  const manifest: unknown = JSON.parse(files.find((file) => file.name === 'package.json')?.text ?? '{}');
  const lines = files.filter((file) => file.name.endsWith('README.md')).flatMap((file) => file.text.split('\n'));
  const dependencies =
    manifest !== null && typeof manifest === 'object' && 'dependencies' in manifest ? manifest.dependencies : {};
  return Object.keys(dependencies ?? {})
    .filter((name) => !lines.some((line) => line.includes(`\`${name}\``) && line.length > name.length + 20))
    .map((name) => `package.json: ${name} is named with its reason in no README.md`);
};

/** What a page calls by name is there: from the root, or somewhere below the page's folder (docs/ is above all). */
export const namedFilesExist: TidyRule = (files) => {
  const pages = files.filter(
    (file) => file.name.endsWith('.md') && !/^(CHANGELOG\.md$|loadtest\/report\/)/.test(file.name),
  );
  return pages.flatMap((page) => {
    const folder = page.name.startsWith('docs/') ? '' : page.name.slice(0, page.name.lastIndexOf('/') + 1);
    const known = (name: string): boolean =>
      files.some(
        (file) => file.name === name || (file.name.startsWith(folder) && `/${file.name}`.endsWith(`/${name}`)),
      );
    const named = page.text.matchAll(
      /(?<![\w./*{<-])(?:\.\/)?((?:[\w-]+\/)*[\w-]+(?:\.[\w-]+)*\.(?:ts|mjs|md))\b(?!\.)/g,
    );
    const missing = [...named].map(([, name = '']) => name).filter((name) => !known(name));
    return [...new Set(missing)].map((name) => `${page.name}: names ${name}, which is not there`);
  });
};
