export interface Person {
  name: string;
}

export enum Tone {
  Loud = "!",
}

export const greet = (person: Person) => `Hello ${person.name}${Tone.Loud}`;
