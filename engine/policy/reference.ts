/** The page about the policy, from the same schema that validates it: what it says is what happens. */
import { specSchema } from './schema.ts';
import type { SchemaNode } from './schema/vocabulary.ts';

const head = `# The policy

<!-- Generated from engine/policy/schema.ts by "npm run gen"; do not edit. -->

A \`KubervisorService\` says what to judge, how much may be out at once, and how what was taken out comes back.
\`examples/\` has one policy for each kind of breaker; \`npx kubervisor lint -f FILE\` checks yours and names file, line and
field of whatever is wrong. Durations are integer seconds or strings such as \`500ms\` and \`1m30s\`; decimals are integers or
strings such as \`"7.5"\`.

A breaker has exactly one detector.

What is open through an endpoint outlives its ejection, and partly its removal: [long-lived.md](long-lived.md) says what
\`eject\` does to connections of each kind, and what bounds them.

## The spec, field by field

| field | meaning |
|---|---|
`;

/** The whole file `docs/policy.md`. */
export function renderReference(): string {
  const rows = fieldsOf(specSchema, '').map(([path, { description = '' }]) => `| \`${path}\` | ${cell(description)} |`);
  return `${head}${rows.join('\n')}\n`;
}

function fieldsOf(node: SchemaNode, prefix: string): readonly (readonly [string, SchemaNode])[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const path = `${prefix}${name}`;
    const inner =
      child.items?.properties === undefined ? fieldsOf(child, `${path}.`) : fieldsOf(child.items, `${path}[].`);
    return [[path, child] as const, ...inner];
  });
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ').trim();
}
