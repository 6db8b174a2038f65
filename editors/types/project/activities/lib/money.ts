export const total = (lines: Types.Line[]): number => lines.reduce((sum, line) => sum + line.cents, 0);
