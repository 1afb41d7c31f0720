import { testExamples } from './examples.ts';

testExamples('trace');
