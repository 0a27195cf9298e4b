package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.CodeBuilder.Register;
import dev.warpwright.softgpu.sim.CodeBuilder.Symbol;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** The address operand of one instruction. */
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
    if (!symbol.isFixed()) {
      return new Access(actual, bytes, form.code.addressOf(symbol, 0), true, operand.offset());
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
}
