import { keepsAccuracy } from './keeps-accuracy.ts';

keepsAccuracy('fashion-resnet8-wide-dense');
