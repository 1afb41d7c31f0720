import { keepsAccuracy } from './keeps-accuracy.ts';

keepsAccuracy('fashion-mobilenetv2');
