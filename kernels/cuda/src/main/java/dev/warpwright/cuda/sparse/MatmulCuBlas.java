package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CuBlas;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;

/** Products with F32 matrices by cuBLAS, on the same prepared weights as {@code matmul.cu}. */
final class MatmulCuBlas extends MatrixProduct {
  private static final WeightFormat F32 = new WeightFormat.Dense(DType.F32);

  /** Why other dense matrices are not multiplied. */
  static final String F32_ONLY =
      "cuBLAS is required, and multiplies elements of one type only: x, which is F32, would be"
          + " rounded to that of the weights";

  private final CudaKernelDevice device;
  private final CuBlas blas;

  MatmulCuBlas(CudaKernelDevice device, MatrixProductSpec spec, CuBlas blas) {
    device.reserve(MatrixProductCuda.staged(spec));
    super(device, spec, 0);
    this.device = device;
    this.blas = blas;
  }

  /** Whether it multiplies by such matrices. */
  static boolean takes(WeightFormat format) {
    return format.equals(F32);
  }

  @Override
  protected void execute(PreparedMatrix w, int rows, Tensor x, Tensor y) {
    long weights = ((CudaMatrix) w).address();
    int stride = (int) DenseForm.rowElements(spec().inputs());
    try (CudaRun run = device.begin()) {
      long from = run.input(x);
      long to = run.output(y);
      run.enqueue(
          "matmul",
          () ->
              blas.linear(
                  "matmul", rows, spec().outputs(), spec().inputs(), from, weights, stride, to));
      run.complete();
    }
  }

  /** It has only what belongs to the device. */
  @Override
  protected void release() {}
}
