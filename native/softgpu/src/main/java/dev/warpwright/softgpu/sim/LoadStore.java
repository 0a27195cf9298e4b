package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.CodeBuilder.Register;
import java.util.List;

/** ld and st. */
final class LoadStore {
  private LoadStore() {}

  static void load(Form form) {
    boolean strong = ordering(form, true);
    boolean acquire = form.instr.group == Instr.Group.SYNC;
    form.instr.group = Instr.Group.MEMORY;
    Space space = space(form);
    cacheHints(form);
    int count = vector(form);
    PtxType type = form.type();
    Access access = Access.of(form, form.address(1), space, type.bytes * count);
    List<Operand> parts = form.parts(0);
    if (parts.size() != count) {
      throw form.refuse(parts.size() + " registers for .v" + count);
    }
    int[] targets = new int[count];
    boolean[] wide = new boolean[count];
    int[] bits = new int[count];
    for (int i = 0; i < count; i++) {
      Register register = register(form, parts.get(i), type);
      targets[i] = register.slot();
      wide[i] = register.bits() == 64;
      bits[i] = register.bits();
    }
    if (access.space == Space.PARAM) {
      form.instr.action = parameter(access, type, targets, wide, bits);
      return;
    }
    Values values = new Values(type, targets, wide, bits);
    form.instr.action =
        (warp, mask) -> {
          MemoryUnit unit = warp.block.run.unit;
          Space where = strong ? null : unit.locateAll(warp, access, mask);
          if (where != null) {
            unit.checkReads(warp, mask, access.bytes);
            fetch(warp, mask, values);
            warp.block.run.counters.access(unit, mask, where, access.bytes, false);
          } else {
            loadEach(warp, access, mask, strong, values);
          }
          if (acquire) {
            warp.clock.tick++;
          }
        };
  }

  /** Registers of a load or store, one for each element. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Values(PtxType type, int[] registers, boolean[] wide, int[] bits) {}

  /** Lanes whose accesses differ in kind, or that order memory, go one by one. */
  private static void loadEach(Warp warp, Access access, int mask, boolean strong, Values values) {
    MemoryUnit unit = warp.block.run.unit;
    Counters counters = warp.block.run.counters;
    counters.begin();
    for (int m = mask; m != 0; m &= m - 1) {
      int lane = Integer.numberOfTrailingZeros(m);
      Space where = unit.locate(warp, access, lane);
      unit.checkInitialised(warp, lane, access.bytes);
      if (strong) {
        Publishing.acquire(warp, unit, where);
      }
      unit.checkRead(warp, lane, access.bytes, strong);
      unit.offsets[lane] = unit.at;
      fetch(warp, 1 << lane, values);
      counters.lane(unit, lane, where, access.bytes, false);
    }
    counters.end(access.bytes, false);
  }

  /** Copies what the located lanes read into their registers. */
  private static void fetch(Warp warp, int mask, Values values) {
    MemoryUnit unit = warp.block.run.unit;
    byte[] data = unit.allocation.data;
    int[] offsets = unit.offsets;
    PtxType type = values.type;
    for (int i = 0; i < values.registers.length; i++) {
      int to = values.registers[i];
      int skip = i * type.bytes;
      if (type.bytes == 4 && !values.wide[i]) {
        for (int m = mask; m != 0; m &= m - 1) {
          int lane = Integer.numberOfTrailingZeros(m);
          warp.r[to + lane] = (int) Access.INTS.get(data, offsets[lane] + skip);
        }
        continue;
      }
      for (int m = mask; m != 0; m &= m - 1) {
        int lane = Integer.numberOfTrailingZeros(m);
        long value = read(data, offsets[lane] + skip, type);
        if (values.wide[i]) {
          warp.q[to + lane] = value;
        } else {
          warp.r[to + lane] = values.bits[i] == 16 ? (int) value & 0xffff : (int) value;
        }
      }
    }
  }

  private static Instr.Action parameter(
      Access access, PtxType type, int[] targets, boolean[] wide, int[] bits) {
    return (warp, mask) -> {
      byte[] buffer = warp.block.run.launch.parameters();
      for (int m = mask; m != 0; m &= m - 1) {
        int lane = Integer.numberOfTrailingZeros(m);
        long at = access.address(warp, lane);
        for (int i = 0; i < targets.length; i++) {
          if (at < 0
              || at + (i + 1L) * type.bytes > warp.block.run.launch.entry().parameterBytes()) {
            throw warp.faultAt(
                SimFault.Kind.OUT_OF_BOUNDS, lane, at, "offset " + at + " of the parameters");
          }
          long value = read(buffer, (int) at + i * type.bytes, type);
          if (wide[i]) {
            warp.q[targets[i] + lane] = value;
          } else {
            warp.r[targets[i] + lane] = bits[i] == 16 ? (int) value & 0xffff : (int) value;
          }
        }
      }
    };
  }

  static void store(Form form) {
    boolean strong = ordering(form, false);
    boolean release = form.instr.group == Instr.Group.SYNC;
    form.instr.group = Instr.Group.MEMORY;
    Space space = space(form);
    cacheHints(form);
    int count = vector(form);
    PtxType type = form.type();
    Access access = Access.of(form, form.address(0), space, type.bytes * count);
    if (access.space == Space.CONST || access.space == Space.PARAM) {
      throw form.refuse("a store to read-only memory");
    }
    List<Operand> parts = form.parts(1);
    if (parts.size() != count) {
      throw form.refuse(parts.size() + " values for .v" + count);
    }
    int[] sources = new int[count];
    boolean[] wide = new boolean[count];
    for (int i = 0; i < count; i++) {
      Register register = form.register(parts.get(i));
      if (register == null) {
        sources[i] = form.source(parts.get(i), type);
        wide[i] = type.bytes == 8;
      } else {
        register(form, parts.get(i), type);
        sources[i] = register.slot();
        wide[i] = register.bits() == 64;
      }
    }
    Values values = new Values(type, sources, wide, new int[0]);
    form.instr.action =
        (warp, mask) -> {
          MemoryUnit unit = warp.block.run.unit;
          if (release) {
            warp.clock.fence(true);
          }
          Space where = strong ? null : unit.locateAll(warp, access, mask);
          if (where == null) {
            storeEach(warp, access, mask, strong, values);
            return;
          }
          put(warp, mask, access.bytes, false, values);
          warp.block.run.counters.access(unit, mask, where, access.bytes, true);
        };
  }

  private static void storeEach(Warp warp, Access access, int mask, boolean strong, Values values) {
    MemoryUnit unit = warp.block.run.unit;
    Counters counters = warp.block.run.counters;
    counters.begin();
    for (int m = mask; m != 0; m &= m - 1) {
      int lane = Integer.numberOfTrailingZeros(m);
      Space where = unit.locate(warp, access, lane);
      unit.offsets[lane] = unit.at;
      put(warp, 1 << lane, access.bytes, strong, values);
      if (strong) {
        Publishing.release(warp, unit, where);
      }
      counters.lane(unit, lane, where, access.bytes, true);
    }
    counters.end(access.bytes, true);
  }

  /** Checks and executes the store of located lanes; equal bytes written twice are no race. */
  private static void put(Warp warp, int mask, int bytes, boolean strong, Values values) {
    MemoryUnit unit = warp.block.run.unit;
    for (int left = mask; left != 0; ) {
      int lane = unit.writes(warp, left, bytes, strong);
      if (lane < 0) {
        write(warp, left, bytes, values);
        return;
      }
      // Lanes before have written what this one would write again.
      write(warp, left & ((1 << lane) - 1), bytes, values);
      if (!unit.allocation.shadow.conflictWrote || !isThere(warp, lane, values)) {
        throw unit.writeRace(warp, lane, bytes, strong);
      }
      left &= -2 << lane;
    }
  }

  private static boolean isThere(Warp warp, int lane, Values values) {
    MemoryUnit unit = warp.block.run.unit;
    int bytes = values.type.bytes;
    boolean same = true;
    for (int i = 0; i < values.registers.length; i++) {
      long value = value(warp, lane, values, i);
      same &= sameBytes(unit.allocation.data, unit.offsets[lane] + i * bytes, bytes, value);
    }
    return same;
  }

  private static void write(Warp warp, int mask, int bytes, Values values) {
    Allocation allocation = warp.block.run.unit.allocation;
    int[] offsets = warp.block.run.unit.offsets;
    for (int i = 0; i < values.registers.length; i++) {
      int from = values.registers[i];
      int skip = i * values.type.bytes;
      if (values.type.bytes == 4 && !values.wide[i]) {
        for (int m = mask; m != 0; m &= m - 1) {
          int lane = Integer.numberOfTrailingZeros(m);
          Access.INTS.set(allocation.data, offsets[lane] + skip, warp.r[from + lane]);
        }
        continue;
      }
      for (int m = mask; m != 0; m &= m - 1) {
        int lane = Integer.numberOfTrailingZeros(m);
        write(
            allocation.data, offsets[lane] + skip, values.type.bytes, value(warp, lane, values, i));
      }
    }
    for (int m = mask; m != 0; m &= m - 1) {
      markWritten(allocation, offsets[Integer.numberOfTrailingZeros(m)], bytes);
    }
  }

  private static long value(Warp warp, int lane, Values values, int i) {
    int slot = values.registers[i] + lane;
    return values.wide[i] ? warp.q[slot] : warp.r[slot];
  }

  /** Sets the bits of written bytes; the access is aligned and at most 16 bytes. */
  static void markWritten(Allocation allocation, int at, int bytes) {
    byte[] bits = allocation.initialised;
    if (bytes >= 8) {
      bits[at >> 3] = -1;
      if (bytes == 16) {
        bits[(at >> 3) + 1] = -1;
      }
    } else {
      bits[at >> 3] |= (byte) (((1 << bytes) - 1) << (at & 7));
    }
  }

  /** Clears these bits. */
  static void markUnwritten(Allocation allocation, int at, int bytes) {
    byte[] bits = allocation.initialised;
    if (bytes >= 8) {
      bits[at >> 3] = 0;
      if (bytes == 16) {
        bits[(at >> 3) + 1] = 0;
      }
    } else {
      bits[at >> 3] &= (byte) ~(((1 << bytes) - 1) << (at & 7));
    }
  }

  static long read(byte[] data, int at, PtxType type) {
    return switch (type.bytes) {
      case 1 -> type == PtxType.S8 ? data[at] : data[at] & 0xff;
      case 2 -> {
        short value = (short) Access.SHORTS.get(data, at);
        yield type == PtxType.S16 ? value : value & 0xffff;
      }
      case 4 -> {
        int value = (int) Access.INTS.get(data, at);
        yield type == PtxType.S32 ? value : value & 0xffffffffL;
      }
      default -> (long) Access.LONGS.get(data, at);
    };
  }

  static void write(byte[] data, int at, int bytes, long value) {
    switch (bytes) {
      case 1 -> data[at] = (byte) value;
      case 2 -> Access.SHORTS.set(data, at, (short) value);
      case 4 -> Access.INTS.set(data, at, (int) value);
      default -> Access.LONGS.set(data, at, value);
    }
  }

  private static boolean sameBytes(byte[] data, int at, int bytes, long value) {
    return switch (bytes) {
      case 1 -> data[at] == (byte) value;
      case 2 -> (short) Access.SHORTS.get(data, at) == (short) value;
      case 4 -> (int) Access.INTS.get(data, at) == (int) value;
      default -> (long) Access.LONGS.get(data, at) == value;
    };
  }

  private static Register register(Form form, Operand operand, PtxType type) {
    if (operand instanceof Operand.Name name && name.text().equals("_")) {
      return new Register(form.code.scratch(), 32);
    }
    Register register = form.register(operand);
    if (register == null || register.bits() < type.bytes * 8) {
      throw form.refuse("a register of at least " + type.bytes * 8 + " bits is expected");
    }
    return register;
  }

  static Space space(Form form) {
    String space =
        form.takeAny("global", "shared", "shared::cta", "local", "param", "param::entry", "const");
    return switch (space) {
      case null -> Space.GENERIC;
      case "global" -> Space.GLOBAL;
      case "local" -> Space.LOCAL;
      case "const" -> Space.CONST;
      case "shared", "shared::cta" -> Space.SHARED;
      default -> Space.PARAM;
    };
  }

  /** Marks an acquire or release by the group SYNC; returns whether the access is strong. */
  private static boolean ordering(Form form, boolean load) {
    if (form.take(load ? "acquire" : "release")) {
      scope(form);
      form.instr.group = Instr.Group.SYNC;
      return true;
    }
    if (form.take("relaxed")) {
      scope(form);
      return true;
    }
    form.take("weak");
    return form.take("volatile");
  }

  static String scope(Form form) {
    return form.takeOne("cta", "cluster", "gpu", "sys");
  }

  private static int vector(Form form) {
    String vector = form.takeAny("v2", "v4");
    return vector == null ? 1 : vector.charAt(1) - '0';
  }

  /** Hints change nothing here. */
  static void cacheHints(Form form) {
    form.takeAny("nc");
    form.takeAny("ca", "cg", "cs", "lu", "cv", "wb", "wt");
    form.takeAny(
        "L1::no_allocate",
        "L1::evict_last",
        "L1::evict_first",
        "L1::evict_normal",
        "L1::evict_unchanged");
    form.takeAny("L2::64B", "L2::128B", "L2::256B");
  }
}
