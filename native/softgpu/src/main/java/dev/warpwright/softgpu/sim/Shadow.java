package dev.warpwright.softgpu.sim;

/** What the race check knows about the bytes of one allocation. */
final class Shadow {
  Shadow(int bytes) {}
}
