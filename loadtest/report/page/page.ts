/** What a page says, for HTML and Markdown alike: plain text alone, which both escape. */
export interface Page {
  readonly title: string;
  /** Under the title: date, what is simulated. */
  readonly lead: readonly string[];
  readonly sections: readonly Section[];
}

/** A plain sentence, the picture that it is about, and the picture's key numbers. */
export interface Section {
  readonly title: string;
  readonly says: readonly string[];
  readonly plot?: Plot;
  readonly tables: readonly Table[];
  /** Lines for a shell. */
  readonly commands?: readonly string[];
}

/** An SVG document. */
export interface Plot {
  /** Of its file. */
  readonly name: string;
  readonly svg: string;
}

/** Text by rows; the first column names them. */
export interface Table {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}
