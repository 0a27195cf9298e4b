package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.CodeBuilder.Register;
import dev.warpwright.softgpu.sim.CodeBuilder.Symbol;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** The address operand of one instruction, with the checks that every access goes through. */
final class Access {
  static final VarHandle SHORTS =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  final Space space;
  final int bytes;

  /** First element of the address register; -1 for an absolute address. */
  private final int slot;

  private final boolean wide;
  private final long offset;

  /** Where the last lane's access was; most accesses of an instruction are in one allocation. */
  private Allocation last = Allocation.NONE;

  /** After {@link #locate}: the allocation and the offset in it. */
  Allocation allocation = Allocation.NONE;

  int at;

  /** Shared memory offsets of the lanes, for bank conflicts. */
  final int[] sharedOffsets = new int[Warp.LANES];

  private Access(Space space, int bytes, int slot, boolean wide, long offset) {
    this.space = space;
    this.bytes = bytes;
    this.slot = slot;
    this.wide = wide;
    this.offset = offset;
  }

  static Access of(Form form, Operand.Address operand, Space space, int bytes) {
    if (operand.base() instanceof Operand.Literal literal) {
      return new Access(space, bytes, -1, false, literal.bits() + operand.offset());
    }
    Register register = form.register(operand.base());
    if (register != null) {
      if (register.bits() < 32) {
        throw form.refuse("an address register of " + register.bits() + " bits");
      }
      return new Access(space, bytes, register.slot(), register.bits() == 64, operand.offset());
    }
    Symbol symbol = form.symbol(operand.base());
    Space actual = space;
    if (space == Space.PARAM || space == Space.GENERIC) {
      // Parameters of functions are variables of the caller.
      actual = symbol.space();
    } else if (symbol.space() != space) {
      throw form.refuse("a variable in " + symbol.space() + " memory");
    }
    return new Access(actual, bytes, -1, false, symbol.address() + operand.offset());
  }

  /** The address that a lane computes. */
  long address(Warp warp, int lane) {
    if (slot < 0) {
      return offset;
    }
    return (wide ? warp.q[slot + lane] : warp.r[slot + lane] & 0xffffffffL) + offset;
  }

  /** The space that a lane's address points into. */
  Space spaceOf(long address) {
    if (space != Space.GENERIC) {
      return space;
    }
    if (address >= Space.LOCAL_WINDOW && address < Space.LOCAL_WINDOW + Space.WINDOW_BYTES) {
      return Space.LOCAL;
    }
    if (address >= Space.SHARED_WINDOW && address < Space.SHARED_WINDOW + Space.WINDOW_BYTES) {
      return Space.SHARED;
    }
    return Space.GLOBAL;
  }

  /** Finds the memory of a lane's access and checks bounds and alignment. */
  Space locate(Warp warp, int lane) {
    return locate(warp, lane, address(warp, lane), bytes);
  }

  Space locate(Warp warp, int lane, long address, int width) {
    if ((address & (width - 1)) != 0) {
      throw warp.faultAt(
          SimFault.Kind.MISALIGNED,
          lane,
          address,
          width + " bytes at " + place(warp, spaceOf(address), address));
    }
    Space where = spaceOf(address);
    switch (where) {
      case SHARED -> inWindow(warp, lane, address, width, Space.SHARED_WINDOW, warp.block.shared);
      case LOCAL -> {
        inWindow(warp, lane, address, width, Space.LOCAL_WINDOW, warp.local);
        at += lane * warp.code.localBytes();
      }
      default -> {
        Allocation found = last;
        if (!found.contains(address, width) || found.freed()) {
          found = lookUp(warp, lane, address, width);
        }
        found.shadow.begin(warp.block.run.generation);
        allocation = found;
        at = (int) (address - found.address());
      }
    }
    return where;
  }

  /** As {@link #locate} for fewer bytes than the alignment. */
  void locateBytes(Warp warp, int lane, int width) {
    if (width == bytes) {
      locate(warp, lane);
      return;
    }
    long address = address(warp, lane);
    if ((address & (bytes - 1)) != 0) {
      throw warp.faultAt(
          SimFault.Kind.MISALIGNED,
          lane,
          address,
          bytes + " bytes at " + place(warp, spaceOf(address), address));
    }
    locate(warp, lane, address + width - 1, 1);
    locate(warp, lane, address, 1);
  }

  void checkBytesInitialised(Warp warp, int lane, int width) {
    if (width == bytes) {
      checkInitialised(warp, lane, width);
      return;
    }
    int start = at;
    for (int i = 0; i < width; i++) {
      at = start + i;
      checkInitialised(warp, lane, 1);
    }
    at = start;
  }

  private void inWindow(
      Warp warp, int lane, long address, int width, long window, Allocation memory) {
    long place = space == Space.GENERIC ? address - window : address;
    long limit = memory == warp.local ? warp.code.localBytes() : memory.bytes();
    if (place < 0 || place + width > limit) {
      throw warp.faultAt(
          SimFault.Kind.OUT_OF_BOUNDS,
          lane,
          address,
          width + " bytes at offset " + place + " of " + limit + " bytes of " + memory.label());
    }
    allocation = memory;
    at = (int) place;
  }

  private Allocation lookUp(Warp warp, int lane, long address, int width) {
    DeviceMemory memory = warp.block.run.memory;
    Allocation found = memory.find(address);
    if (found == null || !found.contains(address, width)) {
      boolean gone = found == null && memory.isFreed(address);
      throw warp.faultAt(
          gone ? SimFault.Kind.USE_AFTER_FREE : SimFault.Kind.OUT_OF_BOUNDS,
          lane,
          address,
          width + " bytes at " + memory.describe(address));
    }
    last = found;
    return found;
  }

  /** Checks that the located bytes were written. */
  void checkInitialised(Warp warp, int lane, int width) {
    if (!warp.block.run.checkInitialised && space != Space.SHARED) {
      return;
    }
    int bits = (allocation.initialised[at >> 3] & 0xff) >> (at & 7);
    int need = (1 << Math.min(width, 8)) - 1;
    if ((bits & need) == need
        && (width <= 8 || allocation.initialised[(at >> 3) + 1] == (byte) 0xff)) {
      return;
    }
    if (allocation == warp.block.shared && warp.block.asyncPending(at, width)) {
      throw warp.faultAt(
          SimFault.Kind.ASYNC_NOT_WAITED,
          lane,
          at,
          "a read of "
              + place(warp, Space.SHARED, at)
              + ", which an asynchronous copy has not delivered yet");
    }
    if (!warp.block.run.checkInitialised) {
      return;
    }
    long first = allocation.firstUninitialised(at, width);
    throw warp.faultAt(
        SimFault.Kind.UNINITIALISED,
        lane,
        allocation.address() + first,
        "a read of " + describe(warp, (int) first) + ", which nobody wrote");
  }

  void checkRead(Warp warp, int lane, int width, boolean strong) {
    if (warp.block.run.checkRaces
        && allocation != warp.local
        && !allocation.shadow.read(warp, lane, at, width, strong)) {
      throw race(warp, lane, "read", width);
    }
  }

  /** Whether a write may go on; equal bytes written twice are no race. */
  void checkWrite(Warp warp, int lane, int width, boolean strong, boolean equal) {
    if (warp.block.run.checkRaces
        && allocation != warp.local
        && !allocation.shadow.write(warp, lane, at, width, strong)
        && !(equal && allocation.shadow.conflictWrote)) {
      throw race(warp, lane, strong ? "atomic or strong write" : "write", width);
    }
  }

  private SimFault race(Warp warp, int lane, String what, int width) {
    Shadow shadow = allocation.shadow;
    long other = shadow.conflict;
    return warp.faultAt(
        SimFault.Kind.RACE,
        lane,
        allocation.address() + at,
        what
            + " of "
            + width
            + " bytes at "
            + describe(warp, at)
            + " is not ordered after the "
            + (shadow.conflictWrote ? "write" : "read")
            + " by block ("
            + warp.blockPlace(Stamp.block(other))
            + ") thread ("
            + warp.threadPlace(Stamp.warp(other), Stamp.lane(other))
            + ") at "
            + warp.sourceOf(shadow.conflictLine));
  }

  private String describe(Warp warp, int offsetIn) {
    if (allocation == warp.block.shared) {
      return warp.code.sharedPlace(offsetIn);
    }
    if (allocation == warp.local) {
      return "local memory + " + offsetIn % Math.max(1, warp.code.localBytes());
    }
    return allocation.label() + " + " + offsetIn + " of " + allocation.bytes() + " bytes";
  }

  private static String place(Warp warp, Space space, long address) {
    return switch (space) {
      case SHARED -> warp.code.sharedPlace((int) (address & (Space.WINDOW_BYTES - 1)));
      case LOCAL -> "local memory + " + (address & (Space.WINDOW_BYTES - 1));
      default -> warp.block.run.memory.describe(address);
    };
  }
}
