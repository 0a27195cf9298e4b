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
    form.instr.action =
        (warp, mask) -> {
          begin(warp, access);
          boolean shared = false;
          boolean global = false;
          for (int m = mask; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            Space where = access.locate(warp, lane);
            access.checkInitialised(warp, lane, access.bytes);
            if (strong) {
              Publishing.acquire(warp, access, where);
            }
            access.checkRead(warp, lane, access.bytes, strong);
            if (where == Space.SHARED) {
              shared = true;
              access.sharedOffsets[lane] = access.at;
            } else if (where == Space.GLOBAL) {
              global = true;
              warp.block.run.counters.sector(access.allocation, access.at, access.bytes, false);
            }
            for (int i = 0; i < count; i++) {
              long value = read(access.allocation.data, access.at + i * type.bytes, type);
              if (wide[i]) {
                warp.q[targets[i] + lane] = value;
              } else {
                warp.r[targets[i] + lane] = bits[i] == 16 ? (int) value & 0xffff : (int) value;
              }
            }
          }
          count(warp, access, mask, shared, global, false);
          if (acquire) {
            warp.clock.tick++;
          }
        };
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
    form.instr.action =
        (warp, mask) -> {
          begin(warp, access);
          if (release) {
            warp.clock.fence(true);
          }
          boolean shared = false;
          boolean global = false;
          for (int m = mask; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            Space where = access.locate(warp, lane);
            byte[] data = access.allocation.data;
            boolean equal = true;
            for (int i = 0; i < count; i++) {
              long value = wide[i] ? warp.q[sources[i] + lane] : warp.r[sources[i] + lane];
              equal &= sameBytes(data, access.at + i * type.bytes, type.bytes, value);
            }
            access.checkWrite(warp, lane, access.bytes, strong, equal);
            if (strong) {
              Publishing.release(warp, access, where);
            }
            for (int i = 0; i < count; i++) {
              long value = wide[i] ? warp.q[sources[i] + lane] : warp.r[sources[i] + lane];
              write(data, access.at + i * type.bytes, type.bytes, value);
            }
            markWritten(access.allocation, access.at, access.bytes);
            if (where == Space.SHARED) {
              shared = true;
              access.sharedOffsets[lane] = access.at;
            } else if (where == Space.GLOBAL) {
              global = true;
              warp.block.run.counters.sector(access.allocation, access.at, access.bytes, true);
            }
          }
          count(warp, access, mask, shared, global, true);
        };
  }

  private static void begin(Warp warp, Access access) {
    if (access.space == Space.GLOBAL || access.space == Space.GENERIC) {
      warp.block.run.counters.begin();
    }
  }

  private static void count(
      Warp warp, Access access, int mask, boolean shared, boolean global, boolean store) {
    Counters counters = warp.block.run.counters;
    if (global) {
      counters.endGlobal(access.bytes, store);
    }
    if (shared) {
      counters.shared(access.sharedOffsets, mask, access.bytes);
    } else if (access.space == Space.LOCAL) {
      counters.localAccesses++;
    }
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
