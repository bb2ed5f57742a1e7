/** Who a certificate says its holder is. */

/** A subject alternative name of a kind that can be given rights. */
export interface SubjectName {
  readonly kind: 'uri' | 'dns';
  /** A DNS name in lower case. */
  readonly value: string;
}

/**
 * From `subjectaltname` of Node. Node sets a name with a comma or a quote in it in quotes of JSON, so that nobody can
 * pass one name off as two. No name that can be given rights has such signs: a certificate with one is given none.
 */
export function subjectNames(subjectaltname: string | undefined): readonly SubjectName[] {
  if (subjectaltname === undefined || subjectaltname.includes('"')) return [];
  return subjectaltname.split(', ').flatMap((name): readonly SubjectName[] => {
    if (name.startsWith('URI:')) return [{ kind: 'uri', value: name.slice('URI:'.length) }];
    if (name.startsWith('DNS:')) return [{ kind: 'dns', value: name.slice('DNS:'.length).toLowerCase() }];
    return [];
  });
}
