package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.CodeBuilder.Register;
import dev.warpwright.softgpu.sim.CodeBuilder.Symbol;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Hands out the registers of a kernel; constants and special registers have one of their own. */
final class Registers {
  private record Sum(Symbol variable, long offset) {}

  private final Map<Integer, Integer> constants = new HashMap<>();
  private final Map<Long, Integer> wideConstants = new HashMap<>();
  private final Map<Sum, Integer> addresses = new HashMap<>();
  private final Map<String, Integer> specialSlots = new HashMap<>();
  private final List<Code.Special> specials = new ArrayList<>();
  private final List<Code.Relocation> relocations = new ArrayList<>();
  private int narrow;
  private int wide;
  private int predicates;

  Register add(PtxType type) {
    if (type == PtxType.PRED) {
      return new Register(predicates++, 1);
    }
    return type.bytes == 8
        ? new Register(nextWide(), 64)
        : new Register(scratch(), Math.max(2, type.bytes) * 8);
  }

  /** A fresh register for an intermediate result. */
  int scratch() {
    return narrow++ * Warp.LANES;
  }

  private int nextWide() {
    return wide++ * Warp.LANES;
  }

  int constant(int value) {
    return constants.computeIfAbsent(value, v -> scratch());
  }

  int wideConstant(long value) {
    return wideConstants.computeIfAbsent(value, v -> nextWide());
  }

  int addressOf(Symbol symbol, long offset) {
    return addresses.computeIfAbsent(
        new Sum(symbol, offset),
        sum -> {
          int slot = nextWide();
          Callee frame = symbol.frame();
          if (frame != null) {
            frame.add(new Callee.Place(slot, symbol.address() + offset));
          } else {
            relocations.add(new Code.Relocation(slot, String.valueOf(symbol.variable()), offset));
          }
          return slot;
        });
  }

  int special(String name) {
    SpecialRegisters.Value values = SpecialRegisters.values(name);
    if (values == null) {
      return -1;
    }
    return specialSlots.computeIfAbsent(
        name,
        n -> {
          int slot = scratch();
          specials.add(new Code.Special(n, values, slot));
          return slot;
        });
  }

  int[] narrowStart() {
    int[] start = new int[narrow * Warp.LANES];
    constants.forEach((value, slot) -> Arrays.fill(start, slot, slot + Warp.LANES, value));
    return start;
  }

  long[] wideStart() {
    long[] start = new long[wide * Warp.LANES];
    wideConstants.forEach((value, slot) -> Arrays.fill(start, slot, slot + Warp.LANES, value));
    return start;
  }

  int predicates() {
    return predicates;
  }

  int narrow() {
    return narrow;
  }

  int wide() {
    return wide;
  }

  List<Code.Special> specials() {
    return List.copyOf(specials);
  }

  List<Code.Relocation> relocations() {
    return List.copyOf(relocations);
  }
}
