package dev.warpwright.softgpu.sim;

import java.util.List;

/** ldmatrix and stmatrix: 8x8 matrices of 16-bit elements; lane 8i+j gives row j of matrix i. */
final class MatrixLoads {
  private static final int ROW = 16;

  private MatrixLoads() {}

  /** An instruction's operands. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Operands(Access access, int[] registers, boolean transposed) {}

  private static Operands operands(Form form, int address, int registers) {
    if (!form.take("sync") || !form.take("aligned")) {
      throw form.refuse(".sync.aligned is missing");
    }
    form.takeOne("m8n8");
    int count = form.takeOne("x1", "x2", "x4").charAt(1) - '0';
    boolean transposed = form.take("trans");
    form.takeOne("shared", "shared::cta");
    form.type(PtxType.B16);
    form.needOperands(2, 2);
    List<Operand> parts = form.parts(registers);
    if (parts.size() != count) {
      throw form.refuse(parts.size() + " registers for .x" + count);
    }
    int[] slots = new int[count];
    for (int i = 0; i < count; i++) {
      slots[i] =
          registers == 0 ? form.target(parts.get(i), 32) : form.source(parts.get(i), PtxType.B32);
    }
    form.instr.kind = Instr.Kind.WARP_SYNC;
    form.instr.group = Instr.Group.MEMORY;
    form.instr.memberMask = form.code.constant(-1);
    return new Operands(
        Access.of(form, form.address(address), Space.SHARED, ROW), slots, transposed);
  }

  static void load(Form form) {
    Operands o = operands(form, 1, 0);
    form.instr.action =
        (w, mask) -> {
          MemoryUnit unit = w.block.run.unit;
          int[] rows = unit.offsets;
          int lanes = o.registers().length * 8;
          int readers = -1 >>> (Warp.LANES - lanes);
          if (unit.locateAll(w, o.access(), readers) != null) {
            unit.checkReads(w, readers, ROW);
          } else {
            for (int lane = 0; lane < lanes; lane++) {
              unit.locate(w, o.access(), lane);
              unit.checkInitialised(w, lane, ROW);
              unit.checkRead(w, lane, ROW, false);
            }
          }
          w.block.run.counters.shared(rows, readers, ROW);
          byte[] data = w.block.shared.data;
          for (int i = 0; i < o.registers().length; i++) {
            int to = o.registers()[i];
            for (int lane = 0; lane < Warp.LANES; lane++) {
              w.r[to + lane] =
                  o.transposed()
                      ? pair(data, rows, i, lane)
                      : (int) Access.INTS.get(data, place(rows, i, lane, 0, false));
            }
          }
        };
  }

  private static int place(int[] rows, int matrix, int lane, int half, boolean transposed) {
    int across = lane >> 2;
    int along = (lane & 3) * 2 + half;
    return transposed
        ? rows[matrix * 8 + along] + across * 2
        : rows[matrix * 8 + across] + along * 2;
  }

  /** The two elements of a lane when the matrix is transposed: they are in different rows. */
  private static int pair(byte[] data, int[] rows, int matrix, int lane) {
    int low = (short) Access.SHORTS.get(data, place(rows, matrix, lane, 0, true)) & 0xffff;
    int high = (short) Access.SHORTS.get(data, place(rows, matrix, lane, 1, true));
    return low | (high << 16);
  }

  static void store(Form form) {
    form.needArchitecture(90);
    Operands o = operands(form, 0, 1);
    form.instr.action =
        (w, mask) -> {
          MemoryUnit unit = w.block.run.unit;
          int[] rows = unit.offsets;
          int lanes = o.registers().length * 8;
          for (int lane = 0; lane < lanes; lane++) {
            unit.locate(w, o.access(), lane);
            unit.checkWrite(w, lane, ROW, false);
            LoadStore.markWritten(w.block.shared, unit.at, ROW);
          }
          w.block.run.counters.shared(rows, -1 >>> (Warp.LANES - lanes), ROW);
          byte[] data = w.block.shared.data;
          for (int i = 0; i < o.registers().length; i++) {
            for (int lane = 0; lane < Warp.LANES; lane++) {
              int value = w.r[o.registers()[i] + lane];
              for (int half = 0; half < 2; half++) {
                Access.SHORTS.set(
                    data,
                    place(rows, i, lane, half, o.transposed()),
                    (short) (value >> (16 * half)));
              }
            }
          }
        };
  }
}
