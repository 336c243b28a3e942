import { lineCount, type TidyFile } from './tidy-files.ts';

/** A rule looks at all files and says every breach in one line: `path: what is wrong, what to do`. */
export type TidyRule = (files: readonly TidyFile[]) => string[];

const SETTINGS =
  'package.json package-lock.json tsconfig.json knip.config.ts .gitignore .npmrc .oxfmtrc.json .oxlintrc.json';
const FOLDERS = 'setup shared api provisioner router k8s loadtest .ci .config';
const TOP_LEVEL = new Set(`README.md LICENSE setup.mjs ${FOLDERS} ${SETTINGS}`.split(' '));

/** Folders whose direct children are closed lists (design: layout). */
const CHILDREN: Record<string, ReadonlySet<string>> = {
  shared: new Set(['contract', 'runtime', 'testing', 'README.md']),
  api: new Set(['http', 'central', 'regional', 'cli', 'ui', 'README.md']),
  loadtest: new Set(['stack', 'sim', 'cluster', 'workload', 'scenarios', 'e2e', 'bench', 'report', 'README.md']),
};

const PROCESSES = ['api/central', 'api/regional', 'provisioner', 'router'];
const MAIN_LINES = 15;
const README_LINES = 80;
const SOURCE_LINES = 300;
const TEST_LINES = 400;
const VAGUE =
  /(^|\/)(index|utils?|helpers?|common|misc|types|managers?)(\.[a-z.]+)?(\/|$)|-(utils?|helpers?|manager)\.[a-z.]+$/;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.(slow|it|e2e|test|contract|bench|config|golden|d))*\.(ts|tsx|mjs)$/;
const OUTSIDE = /^loadtest\/cluster\/kubelab\//;

const isSource = (file: TidyFile): boolean => /\.(ts|tsx|mjs)$/.test(file.name);

/** The layout is closed: a new entry is a decision, made here and in the README together. */
export const knownEntriesOnly: TidyRule = (files) => {
  const unknown = files.flatMap(({ name }) => {
    const [top = '', child] = name.split('/');
    if (!TOP_LEVEL.has(top)) return [`${top}: not in the layout`];
    const children = CHILDREN[top];
    return children && child !== undefined && !children.has(child) ? [`${top}/${child}: not in the layout`] : [];
  });
  return [...new Set(unknown)];
};

export const smallFiles: TidyRule = (files) =>
  files.filter(isSource).flatMap((file) => {
    const most = /\.(test|contract|bench)\.ts$/.test(file.name) ? TEST_LINES : SOURCE_LINES;
    const lines = lineCount(file.text);
    return lines > most ? [`${file.name}: ${lines} lines, at most ${most}; split it by what its parts are for`] : [];
  });

export const speakingNames: TidyRule = (files) =>
  files
    .filter((file) => isSource(file) && !OUTSIDE.test(file.name))
    .flatMap(({ name }) => {
      const base = name.slice(name.lastIndexOf('/') + 1);
      if (VAGUE.test(name)) return [`${name}: the name says nothing; name it after what it exports`];
      return KEBAB.test(base) ? [] : [`${name}: file names are kebab-case`];
    });

/** A folder with a composition root is a process, and every process has the same four files. */
export const sameFourFiles: TidyRule = (files) => {
  const byName = new Map(files.map((file) => [file.name, file]));
  return PROCESSES.filter((folder) => byName.has(`${folder}/service.ts`)).flatMap((folder) => {
    const missing = ['main.ts', 'config.ts', 'app.ts'].filter((file) => !byName.has(`${folder}/${file}`));
    const mainLines = lineCount(byName.get(`${folder}/main.ts`)?.text ?? '');
    return [
      ...missing.map((file) => `${folder}: has a service.ts and no ${file}`),
      ...(mainLines > MAIN_LINES ? [`${folder}/main.ts: ${mainLines} lines, at most ${MAIN_LINES}`] : []),
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
    .filter((file) => file.name.endsWith('/README.md') && lineCount(file.text) > README_LINES)
    .map((file) => `${file.name}: ${lineCount(file.text)} lines, at most ${README_LINES}`);
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
