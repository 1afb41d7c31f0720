import { testExamples } from './examples.ts';

testExamples('measure');
