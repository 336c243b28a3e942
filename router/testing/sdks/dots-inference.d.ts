/** What is used of `@digitalocean/dots/inference`, which is published as source that the compiler settings here refuse. */
export interface Resource {
  create(body: object): Promise<unknown>;
}

export declare class Client {
  constructor(options: { apiKey: string; baseURL: string });
  readonly chat: { readonly completions: Resource };
  readonly responses: Resource;
}
