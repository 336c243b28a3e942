/** Why nothing is changed for an endpoint although something should be, and what a person can do. It goes on serving. */
export interface Hold {
  reason: string;
  message: string;
  hint: string;
}
