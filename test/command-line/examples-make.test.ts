import { testExamples } from './examples.ts';

testExamples('make');
