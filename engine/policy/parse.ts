/**
 * From what somebody wrote to a policy in force, or to everything that is wrong with it. Nothing partly valid comes
 * out: a policy whose floor was misspelt must not run without a floor.
 */
import { type Document, isNode, isScalar, LineCounter, parseAllDocuments, type YAMLError } from 'yaml';
import type { Backend, ServiceKey } from '../model.ts';
import type { Problem } from '../problem.ts';
import { codes } from './codes.ts';
import { byPlace, type Finding, type Locate, type Path, toProblem } from './finding.ts';
import { checkIdentity, serviceOf } from './identity.ts';
import { lint } from './lint.ts';
import { createLocate } from './locate.ts';
import { type NormaliseOptions, normalise } from './normalise.ts';
import type { Policy } from './policy.ts';
import { createQueryChecker } from './promql.ts';
import { checkQueries } from './queries.ts';
import { checkRules } from './rules.ts';
import { type PolicyObject, policySchema } from './schema.ts';
import { createShapeCheck } from './shape.ts';
import { checkUnknownFields } from './unknown-fields.ts';

export type PolicyOutcome =
  | {
      readonly kind: 'accepted';
      readonly policy: Policy;
      /** Lint, and unknown fields where they are tolerated; sorted by place. */
      readonly warnings: readonly Problem[];
    }
  | {
      readonly kind: 'refused';
      /** Whose policy it would be, where that much can be read: its last accepted one stays in force. */
      readonly service?: ServiceKey;
      /** At least one error; warnings may be among them. Sorted by place. */
      readonly problems: readonly Problem[];
    };

export interface PolicyParserOptions extends Partial<NormaliseOptions> {
  /**
   * Errors in files, where a person can repair them. Warnings for what an API server has stored: an object written for
   * a newer version of the same API must not lose its protection. Default: error.
   */
  readonly unknownFields?: 'error' | 'warning';
  /** The members of a Service's fleet, where known: adds the lint rules that depend on them. */
  readonly membersOf?: (service: ServiceKey) => readonly Backend[] | undefined;
}

/** Where a document came from, so that every problem can name its place. */
export interface DocumentOrigin {
  readonly file?: string;
  /** The whole text, of all its documents. */
  readonly text: string;
  /** The counter the text was parsed with. */
  readonly lines: LineCounter;
  /** Where in the document the policy is, such as `['items', 3]` in a List. Default: the document itself. */
  readonly root?: Path;
}

/** None of these throws, whatever the input. */
export interface PolicyParser {
  /** A text that holds policies and nothing else, one or several documents; empty documents are skipped. */
  parseText(text: string, file?: string): readonly PolicyOutcome[];
  /** One policy in a parsed YAML document. */
  parseDocument(document: Document.Parsed, origin: DocumentOrigin): PolicyOutcome;
  /** A plain object, as an API server gives it: problems have a field but no line. */
  parseObject(object: unknown): PolicyOutcome;
}

/** Compiles the schema once; keep the parser. */
export function createPolicyParser(options: PolicyParserOptions = {}): PolicyParser {
  const checkShape = createShapeCheck(policySchema);
  const { unknownFields: severity = 'error', membersOf } = options;
  const normaliseOptions = {
    defaultEnforcement: options.defaultEnforcement ?? 'Enforce',
    defaultNamespace: options.defaultNamespace ?? 'default',
  };

  function judge(object: unknown, file?: string, locate?: Locate): PolicyOutcome {
    const problems = (findings: readonly Finding[]): Problem[] =>
      findings.map((finding) => toProblem(finding, file, locate)).sort(byPlace);
    const stranger = checkIdentity(object);
    if (stranger !== undefined) return refused(object, problems([stranger]));
    const unknown = checkUnknownFields(policySchema, object).map((finding) => ({ ...finding, severity }));
    const checkQuery = createQueryChecker();
    const errors = [...checkShape(object), ...checkRules(policySchema, object), ...checkQueries(object, checkQuery)];
    if (errors.length > 0 || (severity === 'error' && unknown.length > 0)) {
      return refused(object, problems([...unknown, ...errors]));
    }
    const valid = object as PolicyObject;
    const policy = normalise(valid, normaliseOptions, checkQuery);
    const advice = lint(policy, valid.spec, checkQuery, membersOf?.(policy.service));
    return { kind: 'accepted', policy, warnings: problems([...unknown, ...advice]) };
  }

  function refused(object: unknown, problems: readonly Problem[]): PolicyOutcome {
    const service = serviceOf(object, normaliseOptions.defaultNamespace);
    return { kind: 'refused', ...(service === undefined ? {} : { service }), problems };
  }

  function parseDocument(document: Document.Parsed, origin: DocumentOrigin): PolicyOutcome {
    const { file, text, lines, root = [] } = origin;
    if (document.errors.length > 0) {
      const problems = document.errors.map((error) => yamlProblem(error, lines, file)).sort(byPlace);
      return refused(undefined, problems);
    }
    let object: unknown;
    try {
      const node: unknown = root.length === 0 ? document.contents : document.getIn(root, true);
      object = isNode(node) ? node.toJS(document, { maxAliasCount: 100 }) : node;
    } catch (error) {
      // Aliases that resolve to nothing, or to a million copies, are found only when they are followed.
      return refused(undefined, [toProblem(unreadable(error), file, createLocate({ document, text, lines, root }))]);
    }
    return judge(object, file, createLocate({ document, text, lines, root }));
  }

  return {
    parseText(text, file) {
      const lines = new LineCounter();
      let documents: readonly Document.Parsed[];
      try {
        documents = [...parseAllDocuments(text, { lineCounter: lines, merge: true })];
      } catch (error) {
        return [refused(undefined, [toProblem(unreadable(error), file)])];
      }
      return documents
        .filter((document) => document.errors.length > 0 || !isEmpty(document))
        .map((document) => parseDocument(document, { text, lines, ...(file === undefined ? {} : { file }) }));
    },
    parseDocument,
    parseObject: (object) => judge(object),
  };
}

/** Separators at the start or end of a file make documents of nothing. */
function isEmpty({ contents }: Document.Parsed): boolean {
  return contents === null || (isScalar(contents) && contents.value === null);
}

function yamlProblem(error: YAMLError, lines: LineCounter, file?: string): Problem {
  const { line, col } = lines.linePos(error.pos[0]);
  return {
    code: codes.yaml,
    severity: 'error',
    message: `not valid YAML: ${sentence(error)}`,
    ...(file === undefined ? {} : { file }),
    line,
    column: col,
  };
}

function unreadable(error: unknown): Finding {
  const why = error instanceof RangeError ? 'it is nested too deeply' : sentence(error);
  return { code: codes.yaml, path: [], at: 'value', message: `not readable as YAML: ${why}` };
}

/** The parser adds the place and a picture of it, which the problem has on its own. */
function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/ at line \d+, column \d+:?[\s\S]*$/, '').split('\n')[0] ?? text;
}
