/** Merged by JupyterLab's builder into its own configuration. */
module.exports = {
  optimization: {
    // Numbers would be made from names that hold the folder of this checkout: the same sources would give another
    // build output on each machine.
    moduleIds: 'named'
  }
};
