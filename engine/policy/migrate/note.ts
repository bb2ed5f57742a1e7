/** What becomes of each field, told to a person who knows the original. */

export interface Note {
  /** Of the original object, such as `spec.breakers[0].promQL`; or of its Service. */
  readonly field: string;
  /** Where it is now; absent: nowhere. */
  readonly becomes?: string;
  /** Why it is not simply the same. */
  readonly why?: string;
  /** A person has to look at it: the meaning is not the same, or something has to be done elsewhere. */
  readonly needsAttention: boolean;
}

export interface Notes {
  /** The same, under another name or as it was. */
  moved(field: string, becomes: string, why?: string): void;
  attention(field: string, why: string, becomes?: string): void;
  all(): readonly Note[];
}

export function createNotes(): Notes {
  const notes: Note[] = [];
  return {
    moved: (field, becomes, why) =>
      void notes.push({ field, becomes, ...(why === undefined ? {} : { why }), needsAttention: false }),
    attention: (field, why, becomes) =>
      void notes.push({ field, ...(becomes === undefined ? {} : { becomes }), why, needsAttention: true }),
    all: () => notes,
  };
}
