package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.ArrayList;
import java.util.List;

/**
 * A pool in canonical form on the device: keys and values {@code [headPages, pageSize, headDim]},
 * so that a key is one contiguous run and pages of one size need no conversion. The scales of codes
 * are the array that the contract names.
 */
final class KvPoolCuda extends KvPool {
  private static final String HOLDER = "KV pool";
  private static final int KEYS = 0;
  private static final int VALUES = 1;
  private static final int POSITIONS = 2;

  private final CudaKernelDevice device;
  private final List<DeviceBuffer> memory;

  KvPoolCuda(CudaKernelDevice device, KvPoolSpec spec) {
    long positions = (long) DType.I32.bytes() * spec.headPages() * spec.pageSize();
    List<DeviceBuffer> parts = new ArrayList<>();
    try {
      for (long bytes : new long[] {spec.bytes() / 2, spec.bytes() / 2, positions}) {
        parts.add(device.workspace(bytes, HOLDER));
      }
      device.fill(parts.get(KEYS), (byte) 0);
      device.fill(parts.get(VALUES), (byte) 0);
      device.fill(parts.get(POSITIONS), (byte) -1);
    } catch (RuntimeException e) {
      Resources.close(parts.toArray(DeviceBuffer[]::new));
      throw e;
    }
    super(device, spec, spec.bytes() + positions);
    this.device = device;
    this.memory = parts;
    try {
      attachScales();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Device address of the scales of keys and values, pairs of F32; 0 where there are none. */
  long scaleAddress() {
    SlotArray scales = scales();
    return scales == null ? 0 : CudaRun.address(scales.tensor());
  }

  /** Adds keys, values and positions, and their sizes. */
  void addTo(KernelArguments arguments) {
    arguments
        .add(memory.get(KEYS))
        .add(memory.get(VALUES))
        .add(memory.get(POSITIONS))
        .add(spec().headDim());
    addPagingTo(arguments);
  }

  /** Adds the scales of codes, and whether codes are F8E4M3. */
  void addScalesTo(KernelArguments arguments) {
    arguments.add(scaleAddress()).add(spec().dtype() == DType.F8E4M3 ? 1 : 0);
  }

  /** Adds how many pages there are, their size, and how to divide by it. */
  void addPagingTo(KernelArguments arguments) {
    // slot / pageSize = slot * factor >> shift for slots below 2^31: Granlund and Montgomery 1994.
    int shift = 31 + (Integer.SIZE - Integer.numberOfLeadingZeros(spec().pageSize() - 1));
    int factor = (int) ((1L << shift) / spec().pageSize() + 1);
    arguments.add(spec().headPages()).add(spec().pageSize()).add(factor).add(shift);
  }

  /** Device address of the keys. */
  long keys() {
    return memory.get(KEYS).address();
  }

  /** Device address of the values. */
  long values() {
    return memory.get(VALUES).address();
  }

  /** Device address of the logical positions. */
  long positions() {
    return memory.get(POSITIONS).address();
  }

  @Override
  protected Support keepsArrays() {
    return Support.yes();
  }

  @Override
  protected Support takesTokenPositions() {
    return Support.yes();
  }

  @Override
  protected void doCopy(int[] from, int[] to) {
    for (int part = KEYS; part <= POSITIONS; part++) {
      for (int i = 0; i < from.length; i++) {
        device.copy(part(part).row(from[i]), part(part).row(to[i]));
      }
    }
  }

  @Override
  protected void doExport(int[] pages, Tensor keys, Tensor values, Tensor positions) {
    transfer(pages, keys, values, positions, false);
  }

  @Override
  protected void doImport(int[] pages, Tensor keys, Tensor values, Tensor positions) {
    transfer(pages, keys, values, positions, true);
  }

  /** Pages that follow each other in the pool go in one copy. */
  private void transfer(
      int[] pages, Tensor keys, Tensor values, Tensor positions, boolean toDevice) {
    for (int from = 0, to; from < pages.length; from = to) {
      to = from + 1;
      while (to < pages.length && pages[to] == pages[to - 1] + 1) {
        to++;
      }
      Tensor[] host = {keys.slice(from, to), values.slice(from, to), positions.slice(from, to)};
      for (int part = KEYS; part <= POSITIONS; part++) {
        Tensor there = part(part).slice(pages[from], pages[from] + (to - from));
        device.copy(toDevice ? host[part] : there, toDevice ? there : host[part]);
      }
    }
  }

  private Tensor part(int part) {
    return part == POSITIONS
        ? Tensor.of(memory.get(part), 0, DType.I32, spec().headPages(), spec().pageSize())
        : Tensor.of(
            memory.get(part),
            0,
            spec().dtype(),
            spec().headPages(),
            spec().pageSize(),
            spec().headDim());
  }

  @Override
  protected void release() {
    closeScales();
    Resources.close(memory.toArray(DeviceBuffer[]::new));
  }
}
