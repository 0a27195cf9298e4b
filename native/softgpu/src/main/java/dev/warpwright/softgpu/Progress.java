package dev.warpwright.softgpu;

/** When queued work is executed. Whatever is right on a GPU must be right under each of them. */
public enum Progress {
  /** As late as synchronisation allows: a missing synchronisation shows as stale data. */
  LAZY,
  /** At once: host memory that is changed too early was right, one that is read too late too. */
  EAGER,
  /** Now and then, by the seed. */
  RANDOM
}
