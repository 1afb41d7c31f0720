import { keepsAccuracy } from './keeps-accuracy.ts';

keepsAccuracy('fashion-resnet20');
