package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.Rope;

/** The formula of {@link Rope}, in double, with sines and cosines rounded to F32. */
final class Rotation {
  private Rotation() {}

  /** Rotates one head at a position, in place. */
  static void rotate(Rope rope, int position, double[] head) {
    if (rope.style() == Rope.Style.NONE) {
      return;
    }
    for (int i = 0; i < rope.rotaryDim() / 2; i++) {
      float cos = (float) Math.cos(rope.angle(i, position));
      float sin = (float) Math.sin(rope.angle(i, position));
      double a = head[rope.first(i)];
      double b = head[rope.second(i)];
      head[rope.first(i)] = a * cos - b * sin;
      head[rope.second(i)] = b * cos + a * sin;
    }
  }
}
