package dev.warpwright.softgpu.sim;

import java.util.List;

/** An operand as written. */
sealed interface Operand {
  /** A register, special register, variable, label or function. */
  record Name(String text) implements Operand {}

  /** A literal; floating-point ones by their bits. */
  record Literal(long bits, Kind kind) implements Operand {
    enum Kind {
      INTEGER,
      F32,
      F64
    }
  }

  /** Braces. */
  record Vector(List<Operand> parts) implements Operand {}

  /** Brackets. */
  record Address(Operand base, long offset) implements Operand {}

  /** {@code d|p}. */
  record Pair(Operand first, Operand second) implements Operand {}

  /** {@code !p}. */
  record Not(Operand of) implements Operand {}

  /** Parentheses of a call. */
  record Arguments(List<Operand> parts) implements Operand {}
}
